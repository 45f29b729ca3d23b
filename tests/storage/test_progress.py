"""A part of a longer work tells its share of the whole."""

from weft.storage.progress import part


def test_a_part_is_told_per_mille_of_the_whole() -> None:
    told: list[tuple[int, int]] = []
    tell = part(lambda done, total: told.append((done, total)), 250, 750)
    for done in (0, 5, 10):
        tell(done, 10)
    assert [(250, 1000), (500, 1000), (750, 1000)] == told


def test_a_work_of_nothing_is_told_as_begun() -> None:
    told: list[tuple[int, int]] = []
    part(lambda done, total: told.append((done, total)), 250, 750)(0, 0)
    assert [(250, 1000)] == told
