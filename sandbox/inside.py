"""Places inside a sandbox that both sides know; without imports, for the wardens load it too."""

AGENT_HOME = "/home/agent"
GIT_DIR = "/opt/mangabey/base.git"
"""Where the repository with the base commit appears."""
