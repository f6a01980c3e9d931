"""That every row of the list of features has a test named after it: sections 1.2 (K) and 3."""

import re
from pathlib import Path

import pytest

ROWS = [
    *range(1, 15),
    *range(20, 33),
    *(40, 44, 45, 80, 81),
]
FEATURES = {
    "create2": "create2",
    "reconfig": "reconfig",
    "checkWatches": "check_watches",
    "removeWatches": "remove_watches",
    "createContainer": "create_container",
    "createTTL": "create_ttl",
    "multiRead": "multi_read",
    "setWatches": "set_watches",
    "getEphemerals": "get_ephemerals",
    "getAllChildrenNumber": "get_all_children_number",
    "setWatches2": "set_watches2",
    "addWatch": "add_watch",
    "whoAmI": "who_am_i",
    "watch event zxid": "watch_event_zxid",
    "per-mode removal": "per_mode_removal",
    "watch-removed events": "watch_removed_events",
    "local sessions": "local_sessions",
    "read-only mode": "k09_a_read_only",
    "quota": "quotas",
    "throttling": "throttling",
    "session re-attach": "k01_a_client_id_takes_up_a_session",
    "dynamic config follow": "k29_an_ensemble_is_changed",
    "x509": "x509",
    "fence/check without write": "check_fences",
}
HERE = Path(__file__).parent
NAMES = [
    name
    for path in [*HERE.glob("test_*.py"), HERE.parent / "calls" / "test_reconfig.py"]
    for name in re.findall(r"^def test_(\w+)", path.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("row", [f"k{row:02}" for row in ROWS])
def test_a_row_has_a_test_named_after_it(row: str) -> None:
    assert [name for name in NAMES if re.match(rf"(k\d\d_)*{row}_", name)]


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_has_a_test_named_after_it(feature: str) -> None:
    assert [name for name in NAMES if f"{name}_".startswith(f"{FEATURES[feature]}_")]
