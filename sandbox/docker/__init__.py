"""The Docker sandbox: a container per sandbox, kept ready, and commands over one stream.

`host.py` starts and ends sandboxes, `box.py` is one of them, `line.py` speaks to `supervisor.sh` inside it,
`order.py` writes what it is told, `containers.py` says how a container is sealed, `spares.py` keeps some
ready, `delta.py` carries changes from one to another, `images.py` pulls and builds images, `sweep.py`
removes what killed processes left.
"""
