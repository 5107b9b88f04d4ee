from agent.models.scripted import ScriptedModel
from tests.agent.kinds.machine_files import *


async def test_solves(task, sandbox):
    model = ScriptedModel(SOLVING)
    done = await play(task, sandbox, model)
    for m in model.requests[-1]:
        print("=====", m.role)
        print(m.content)
    for m in model.requests[1]:
        print("=====", m.role)
        print(m.content)
    print(done.exit_reason, done.message, done.test_paths, done.seconds)
    print(done.diff)
    assert 0
