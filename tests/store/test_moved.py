"""Call sites that moved are known again; those that are new are not taken for them."""

from collector.store.moved import MOST_COMPARED, CallSite, candidates, moved


def site(line, **changes):
    values = {"logger": "shop", "filename": "a.py", "function": "f", "level": "INFO"}
    return CallSite(line=line, **{**values, **changes})


def test_the_same_words_at_another_line():
    """What says the same is the same, whatever values are in it."""
    said = {
        site(10): "order 17 of Ann saved",
        site(20): "cart emptied after 3 days",
        site(14): "order 99 of Bo saved",
        site(24): "cart emptied after 80 days",
        site(18): "payment refused by the bank",
    }

    assert moved([site(10), site(20)], [site(14), site(18), site(24)], said) == {
        site(14): site(10),
        site(24): site(20),
    }


def test_each_is_taken_once_in_order():
    """Of several that say the same, the order of lines stays."""
    said = {site(line): "cart saved" for line in (10, 20, 13, 23, 33)}
    was = moved([site(10), site(20)], [site(13), site(23), site(33)], said)

    assert was == {site(13): site(10), site(23): site(20)}


def test_nothing_is_known_of_a_site_without_message():
    """Where an example is missing, nothing is taken for the same."""
    assert moved([site(10)], [site(13)], {site(10): "cart saved"}) == {}


def test_only_one_function_is_compared():
    """Logger, file, function and level stay the same when code moves."""
    gone = [site(10), site(11, level="ERROR"), site(12, function="g")]
    new = [site(13), site(14, logger="x"), site(15, filename="b.py")]

    assert candidates(gone, new) == [([site(10)], [site(13)])]


def test_without_a_file_nothing_is_compared():
    """Records of other languages tell no place, so none can have moved."""
    assert candidates([site(0, filename="")], [site(1, filename="")]) == []


def test_made_up_call_sites():
    """A function with a million log statements does not take for ever."""
    [(gone, new)] = candidates(map(site, range(500)), map(site, range(500, 1000)))

    assert len(gone) == len(new) == MOST_COMPARED
