"""Floor 4: from candidates to one patch, or to an honest abstention."""

from envs.regressions import existing_tests
from selection.candidate import Candidate, DroppedEdit, TestFile
from selection.clusters import Clusters, cluster
from selection.matrix import TestCase, TestMatrix, run_matrix
from selection.pool import PoolError, read_candidates
from selection.select import select
from selection.separate import candidate_from_diff
from selection.verdict import Ranked, Selection, Verdict

__all__ = [
    "Candidate",
    "Clusters",
    "DroppedEdit",
    "PoolError",
    "Ranked",
    "Selection",
    "TestCase",
    "TestFile",
    "TestMatrix",
    "Verdict",
    "candidate_from_diff",
    "cluster",
    "existing_tests",
    "read_candidates",
    "run_matrix",
    "select",
]
