"""What the same operations cost elsewhere: Docker's own command line, mini-swe-agent, SWE-ReX.

The last two run in virtual environments of their own, named by the path of their Python; SWE-ReX also needs
an image in which its `swerex-remote` is installed.
"""

from __future__ import annotations

import functools
import json
import subprocess
import time
from collections.abc import Callable

_MINI = """
import json, sys, time
from minisweagent.environments.docker import DockerEnvironment
def timed(action):
    began = time.perf_counter(); result = action(); return result, (time.perf_counter() - began) * 1000
starts, commands = [], []
for _ in range(3):
    env, took = timed(lambda: DockerEnvironment(image=sys.argv[1], run_args=["--rm", "--network", "none"]))
    starts.append(took)
    env.execute({"command": "true"})
    commands += [timed(lambda: env.execute({"command": "true"}))[1] for _ in range(int(sys.argv[2]) // 3)]
    env.cleanup()
print(json.dumps({"start": starts, "command": commands}))
"""

_MINI_STEPS = """
import json, sys, time
from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.docker import DockerEnvironment
from minisweagent.models.test_models import DeterministicModel, make_output
class Timed(DeterministicModel):
    asked = []
    def query(self, messages, **kwargs):
        Timed.asked.append(time.perf_counter())
        return super().query(messages, **kwargs)
steps = int(sys.argv[2])
said = [make_output(f"step {n}", [{"command": "true"}], 0.0) for n in range(steps)]
said.append(make_output("end", [{"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}], 0.0))
env = DockerEnvironment(image=sys.argv[1], run_args=["--rm", "--network", "none"])
try:
    agent = DefaultAgent(
        Timed(outputs=said, cost_per_call=0.0), env, system_template="Work.", instance_template="{{task}}"
    )
    agent.run("Nothing.")
finally:
    env.cleanup()
print(json.dumps({"step": [1000 * (b - a) for a, b in zip(Timed.asked, Timed.asked[1:])]}))
"""

_REX = """
import asyncio, json, sys, time
from swerex.deployment.docker import DockerDeployment
from swerex.runtime.abstract import BashAction, Command, CreateBashSessionRequest
async def main():
    starts, commands, sessions = [], [], []
    for _ in range(3):
        deployment = DockerDeployment(image=sys.argv[1], pull="never")
        began = time.perf_counter()
        await deployment.start()
        starts.append((time.perf_counter() - began) * 1000)
        runtime = deployment.runtime
        await runtime.create_session(CreateBashSessionRequest())
        for _ in range(int(sys.argv[2]) // 3):
            began = time.perf_counter(); await runtime.execute(Command(command="true", shell=True))
            commands.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter(); await runtime.run_in_session(BashAction(command="true"))
            sessions.append((time.perf_counter() - began) * 1000)
        await deployment.stop()
    print(json.dumps({"start": starts, "command": commands, "session": sessions}))
asyncio.run(main())
"""


def docker_command_line(image: str, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of `docker run -d` and of `docker exec`."""
    starts, commands = [], []
    run = ["docker", "run", "-d", "--network", "none", image, "sleep", "1000"]
    for _ in range(max(3, rounds // 10)):
        began = time.perf_counter()
        name = subprocess.check_output(run, text=True).strip()
        starts.append(_since(began))
        execute = ["docker", "exec", name, "true"]
        commands += [_timed(functools.partial(subprocess.run, execute, check=True)) for _ in range(5)]
        subprocess.run(["docker", "rm", "-f", name], stdout=subprocess.DEVNULL, check=True)
    return {"start": starts, "command": commands}


def mini_swe_agent(python: str, image: str, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of its Docker environment's start and `execute`."""
    return _script(python, _MINI, image, rounds)


def mini_swe_agent_steps(python: str, image: str, steps: int) -> list[float]:
    """Return milliseconds from one request to the next of its default agent with a scripted model."""
    return _script(python, _MINI_STEPS, image, steps)["step"]


def swe_rex(python: str, image: str, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of its Docker deployment's start, `execute` and `run_in_session`."""
    return _script(python, _REX, image, rounds)


def _script(python: str, script: str, image: str, rounds: int) -> dict[str, list[float]]:
    done = subprocess.run(
        [python, "-c", script, image, str(rounds)], stdout=subprocess.PIPE, text=True, timeout=600, check=True
    )
    figures = [
        line for line in done.stdout.splitlines() if line.startswith(('{"start"', '{"step"'))
    ]  # beside its own lines
    found: dict[str, list[float]] = json.loads(figures[-1])
    return found


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return _since(began)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
