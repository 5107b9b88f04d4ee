"""The daemonless sandbox: Linux namespaces made by system calls, no daemon and no program inside.

host process (asyncio)     host.py, box.py: what callers see
  zygote                   zygote.py: one small process per host, forks a warden for each sandbox
    warden                 warden.py: outside of the guest's sight; room.py builds the file systems
      init                 command.py: process 1 of a command's own process namespace
        the command        seal.py: no capabilities, limits, a system-call filter
"""
