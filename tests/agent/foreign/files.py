"""Small files in each format, with what the versions of their writers do differently."""

from __future__ import annotations

import json
from typing import Any

PATCH = "diff --git a/shapes.py b/shapes.py\n"
ISSUE = "`Rectangle(2, 3).area()` gives 5, expected 6."
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached"


def mini_1() -> dict[str, Any]:
    """1.x: a command stands in a fence; the usage lies beside the message."""

    def said(text: str, command: str, at: int) -> dict[str, Any]:
        usage = {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "cost": 0.5,
            "prompt_tokens_details": {"cached_tokens": 40},
            "completion_tokens_details": None,
        }
        response = {"model": "big-1", "created": at, "usage": usage, "choices": []}
        content = f"THOUGHT: {text}\n\n```bash\n{command}\n```"
        return {"role": "assistant", "content": content, "extra": {"response": response}}

    return {
        "trajectory_format": "mini-swe-agent-1",
        "info": {
            "exit_status": "Submitted",
            "submission": PATCH,
            "model_stats": {"instance_cost": 1.0, "api_calls": 3},
            "config": {"model": {"model_name": "vendor/big"}},
        },
        "messages": [
            {"role": "system", "content": "You are helpful."},
            {"role": "user", "content": f"<pr_description>\n{ISSUE}\n</pr_description>"},
            said("look", "cat shapes.py", 1000),
            {"role": "user", "content": "<returncode>0</returncode>\n<output>\nclass Rectangle\n</output>"},
            said("fix", "cd . && sed -i 's/width + self/width * self/' shapes.py", 1005),
            {"role": "user", "content": "<returncode>0</returncode>\n<output>\n</output>"},
            said("done", SUBMIT, 1012),
            {"role": "user", "content": PATCH},
        ],
    }


def mini_2() -> dict[str, Any]:
    """2.x: native calls, several in a reply; a reply without a call is kept beside the complaint."""

    def call(ident: str, command: str) -> dict[str, Any]:
        function = {"name": "bash", "arguments": json.dumps({"command": command})}
        return {"id": ident, "type": "function", "function": function}

    rejected = {"choices": [{"message": {"role": "assistant", "content": "What now?"}}], "usage": None}
    return {
        "trajectory_format": "mini-swe-agent-1.1",
        "info": {"exit_status": "Submitted", "submission": PATCH, "model_stats": {"instance_cost": 0.0}},
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "You are helpful."}]},
            {"role": "user", "content": ISSUE},
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "Let me see.",
                "tool_calls": [call("a", "ls"), call("b", "cat nowhere")],
                "extra": {"cost": 0.25, "timestamp": 10.0, "response": {"model": "big-2"}},
            },
            {"role": "tool", "tool_call_id": "a", "content": "<returncode>0</returncode>\nshapes.py"},
            {"role": "tool", "tool_call_id": "b", "content": "<returncode>1</returncode>\nno such file"},
            {
                "role": "user",
                "content": "Every response must call the tool.",
                "extra": {"interrupt_type": "FormatError", "response": rejected, "timestamp": 12.0},
            },
            {"role": "assistant", "content": "", "tool_calls": [call("c", SUBMIT)]},
            {"role": "exit", "content": PATCH, "extra": {"exit_status": "Submitted", "submission": PATCH}},
        ],
    }


def mini_responses() -> dict[str, Any]:
    """2.x over the responses vocabulary: items in place of messages."""
    return {
        "trajectory_format": "mini-swe-agent-1.1",
        "info": {},
        "messages": [
            {"role": "user", "content": ISSUE},
            {
                "object": "response",
                "model": "big-3",
                "usage": {
                    "input_tokens": 90,
                    "output_tokens": 30,
                    "input_tokens_details": {"cached_tokens": 25},
                    "output_tokens_details": {"reasoning_tokens": 20},
                },
                "output": [
                    {"type": "reasoning", "summary": []},
                    {"type": "message", "content": [{"type": "output_text", "text": "I look."}]},
                    {
                        "type": "function_call",
                        "call_id": "r1",
                        "name": "bash",
                        "arguments": '{"command": "ls"}',
                    },
                ],
            },
            {"type": "function_call_output", "call_id": "r1", "output": "shapes.py\n"},
        ],
    }


def swe_agent_0() -> dict[str, Any]:
    """0.x: programs with an open file; no native calls."""

    def step(action: str, observation: str, response: str) -> dict[str, Any]:
        thought = response.partition("\n")[0]
        return {"action": action, "observation": observation, "response": response, "thought": thought}

    return {
        "environment": "swe_main",
        "trajectory": [
            step("open shapes.py 10\n", "[File: shapes.py]", "I open it.\n```\nopen shapes.py 10\n```"),
            step("python -m pytest\n", "1 failed", "Test."),
            step("submit\n", PATCH, "Done."),
        ],
        "history": [{"role": "system", "content": "SETTING"}, {"role": "user", "content": ISSUE}],
        "info": {
            "exit_status": "submitted",
            "submission": PATCH,
            "model_stats": {
                "total_cost": 9.0,
                "instance_cost": 0.75,
                "tokens_sent": 900,
                "tokens_received": 80,
            },
        },
    }


def swe_agent_1() -> dict[str, Any]:
    """1.x: native calls in the history, behind a demonstration; actions as lines."""

    def step(action: str, name: str, arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        entry = {
            "role": "assistant",
            "content": "so",
            "action": action,
            "tool_calls": [{"id": f"toolu_{name}_{len(action)}", "function": function}],
        }
        taken = {"action": action, "observation": "seen", "response": "so", "execution_time": 0.5}
        return taken, entry

    path = "/testbed/shapes.py"
    edited = {"command": "str_replace", "path": path, "old_str": "width +", "new_str": "width *"}
    steps = [
        step(f"str_replace_editor view {path} --view_range 1 20", "str_replace_editor",
             {"command": "view", "path": path, "view_range": [1, 20]}),
        step(f"str_replace_editor str_replace {path} --old_str 'width +'", "str_replace_editor", edited),
        step("str_replace_editor create /testbed/new.py --file_text x", "str_replace_editor",
             {"command": "create", "path": "/testbed/new.py", "file_text": "it's\n"}),
        step("str_replace_editor undo_edit /testbed/new.py", "str_replace_editor",
             {"command": "undo_edit", "path": "/testbed/new.py"}),
        step("python -m pytest", "bash", {"command": "python -m pytest"}),
        step("submit", "submit", {}),
    ]  # fmt: skip
    demonstration = {"role": "assistant", "content": "demo", "action": "submit", "is_demo": True}
    return {
        "trajectory": [taken for taken, _ in steps],
        "history": [
            {"role": "system", "content": "You are helpful.", "message_type": "system_prompt"},
            demonstration,
            {"role": "user", "content": [{"type": "text", "text": ISSUE}]},
            *(entry for _, entry in steps),
        ],
        "info": {
            "exit_status": "submitted (exit_cost)",
            "submission": PATCH,
            "model_stats": {"instance_cost": 0.25, "tokens_sent": 500, "tokens_received": 50, "api_calls": 6},
        },
        "replay_config": json.dumps({"agent": {"model": {"name": "vendor/big"}}}),
        "environment": "main",
    }


ALL = (mini_1, mini_2, mini_responses, swe_agent_0, swe_agent_1)
