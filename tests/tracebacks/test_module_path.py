"""What stays of a path when a program is deployed elsewhere."""

import pytest

from collector.tracebacks.module_path import module_path

RELEASES = "/srv/app/releases"


@pytest.mark.parametrize(
    ("same", "expected"),
    [
        (
            [
                f"{RELEASES}/123/shop/db.py",
                f"{RELEASES}/20231120_1/shop/db.py",
                "/opt/venv/lib/python3.11/site-packages/shop/db.py",
                "/usr/lib/python3/dist-packages/shop/db.py",
                "/Users/me/work/src/shop/db.py",
                "C:\\Python313\\Lib\\site-packages\\shop\\db.py",
                "shop/db.py",
                "./shop/db.py",
            ],
            "shop/db.py",
        ),
        (
            [
                f"{RELEASES}/123/app.py",
                f"{RELEASES}/v124/app.py",
                f"{RELEASES}/3f2a9bc/app.py",
                f"{RELEASES}/build_1745/app.py",
                "/srv/app/current/app.py",
                "/srv/app-1.2.3/app.py",
                "/srv/green/app.py",
                "/home/me/app.py",
                "/Users/me/app.py",
                "C:\\Users\\me\\app.py",
                "/tmp/tmpx7_ab/app.py",
                "/app/app.py",
                "app.py",
            ],
            "app.py",
        ),
        (
            [
                "/usr/lib/python3.11/asyncio/events.py",
                "/opt/python/3.13/lib/python3.13t/asyncio/events.py",
                "C:\\Python311\\Lib\\asyncio\\events.py",
            ],
            "asyncio/events.py",
        ),
        (
            ["/usr/lib/python3.11/socket.py", "C:\\Python311\\lib\\socket.py"],
            "socket.py",
        ),
        (["/srv/größe/maß.py"], "größe/maß.py"),
        (["<string>"], "<string>"),
        (["<frozen runpy>"], "<frozen runpy>"),
        (
            ["<ipython-input-3-5d1f0e1a2b3c>", "<ipython-input-12-99aa0e1a2b3d>"],
            "<ipython-input-#-#>",
        ),
        (["/tmp/ipykernel_12/3456.py", "/tmp/ipykernel_99/12.py"], "#.py"),
        ([""], ""),
        (["/"], ""),
    ],
)
def test_the_same_module(same, expected):
    """A module has one path, wherever its program is."""
    assert {module_path(file) for file in same} == {expected}


def test_modules_of_one_name():
    """Packages tell modules of the same name apart."""
    files = ["orders/views.py", "users/views.py", "users/models.py", "views.py"]

    assert len({module_path(f"/srv/shop/{file}") for file in files}) == 4
