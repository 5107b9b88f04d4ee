"""The contract that every sandbox fulfils, as tests for pytest.

A package that offers a sandbox of its own takes them into a test file and says how it is opened:

    import pytest
    from sandbox.contract import *

    @pytest.fixture
    async def host():
        opened = MyHost()
        yield opened
        await opened.close()

`pytest-asyncio` runs them in its `auto` mode. MANGABEY_TEST_IMAGE names the image that they start
from; for a sandbox that needs none, define the fixture `image` to return None.
"""

import pytest

pytest.register_assert_rewrite(
    "sandbox.contract.commands",
    "sandbox.contract.files",
    "sandbox.contract.hostile",
    "sandbox.contract.sealing",
    "sandbox.contract.states",
)

from sandbox.contract.commands import *  # noqa: E402, F403
from sandbox.contract.files import *  # noqa: E402, F403
from sandbox.contract.fixtures import *  # noqa: E402, F403
from sandbox.contract.hostile import *  # noqa: E402, F403
from sandbox.contract.sealing import *  # noqa: E402, F403
from sandbox.contract.states import *  # noqa: E402, F403
