import pytest

from reconcile_app.core.suggest import core_name, plain_name, suggest


@pytest.mark.parametrize(
    ("name", "plain", "core"),
    [
        ("ASP Ltd.", "asp ltd", "asp"),
        ("Müller & Söhne GmbH", "muller and sohne gmbh", "muller and sohne"),
        ("O'Brien, Inc", "obrien inc", "obrien"),
        ("Acme B.V.", "acme b v", "acme"),
        ("Limited", "limited", "limited"),
        ("—", "", ""),
        ("A.B. Co Pty Ltd", "a b co pty ltd", "ab"),
    ],
)
def test_names_are_compared_without_what_does_not_matter(name: str, plain: str, core: str) -> None:
    assert plain_name(name) == plain
    assert core_name(name) == core


def test_the_best_come_first_with_their_reason() -> None:
    found = suggest("ASP Limited", [("1", "Aspen Corp"), ("2", "ASP Ltd"), ("3", "Zebra"), ("4", "ASP Lighting")])
    assert found[0].target_id == "2"
    assert (found[0].score, found[0].exact, found[0].reason) == (100, True, "same name after removing Limited and Ltd")
    assert all(not each.exact and each.score < 100 for each in found[1:])
    assert "3" not in [each.target_id for each in found]
    assert found[1].reason == f"similar name ({found[1].score} %)"


def test_the_same_name_is_exact_whatever_its_case() -> None:
    assert suggest("birch & co", [("1", "BIRCH and Co")])[0] == ("1", "BIRCH and Co", 100, True, "same name")


def test_two_equal_names_are_not_exact() -> None:
    found = suggest("ASP Limited", [("2", "ASP Ltd"), ("1", "ASP Limited"), ("3", "Asp Lime")])
    assert [(each.target_id, each.exact) for each in found][:2] == [("1", False), ("2", False)]
    assert found[0].reason == "same name, but not the only one"


def test_only_so_many_and_none_for_nothing() -> None:
    assert len(suggest("ASP", [(str(i), f"ASP {i}") for i in range(30)], limit=4)) == 4
    assert suggest(" ", [("1", "ASP")]) == []


def test_what_was_removed_is_named() -> None:
    assert suggest("A.C.M.E", [("1", "ACME")])[0].reason == "same name after removing punctuation"
    assert suggest("Acme B.V.", [("1", "Acme NV")])[0].reason == "same name after removing BV and NV"
