from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile_app.core.errors import StorageError
from reconcile_app.storage.window_state import WindowState

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_what_was_saved_is_there_next_time(tmp_path: Path, state: dict[str, object]) -> None:
    path = tmp_path / "window.json"
    WindowState(path).save(state)
    assert WindowState(path).load() == state


def test_before_the_first_save_there_is_nothing(tmp_path: Path) -> None:
    assert WindowState(tmp_path / "window.json").load() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"x"', b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
def test_a_damaged_file_is_ignored_and_a_copy_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(content)
    state = WindowState(path)
    assert state.load() == {}
    assert (tmp_path / "window.damaged.json").read_bytes() == content
    state.save({"width": 800})
    assert state.load() == {"width": 800}


def test_a_file_that_cannot_be_read_at_all_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.mkdir()
    assert WindowState(path).load() == {}
    with pytest.raises(StorageError):
        WindowState(path).save({})


@pytest.mark.parametrize("state", [{"x": float("nan")}, {"x": object()}])
def test_what_is_no_json_is_refused_and_nothing_lost(tmp_path: Path, state: dict[str, object]) -> None:
    kept = WindowState(tmp_path / "window.json")
    kept.save({"width": 1})
    with pytest.raises((TypeError, ValueError)):
        kept.save(state)
    assert kept.load() == {"width": 1}
