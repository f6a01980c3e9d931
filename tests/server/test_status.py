from tests.server.conversation import World
from zc.zk.server.status import Place


def test_a_server_in_memory_is_in_no_folder() -> None:
    place = Place()

    assert (place.data_dir, place.folder_bytes()) == ("", 0)


def test_a_secure_port_is_told_from_a_plain_one() -> None:
    assert Place.of(7, is_secure=False, data_dir=None) == Place(7, -1)
    assert Place.of(7, is_secure=True).secure_port == 7


def test_the_size_of_a_folder_is_asked_for_when_it_is_told() -> None:
    class Folder:
        size = 1

    folder = Folder()
    place = Place.of(7, is_secure=False, data_dir="/data", folder=folder)

    folder.size = 2

    assert (place.data_dir, place.folder_bytes()) == ("/data", 2)


def test_connections_are_described_when_they_are_asked_for() -> None:
    world = World()
    peer, silent = world.connect(timeout=5000), world.arrive()

    first, second = world.core.status(silent.link).connections()

    assert (first.session_id, first.timeout, first.is_asking) == (peer.session_id, 5000, False)
    assert first.ends_at == world.now + 6.0
    assert (second.session_id, second.is_asking) == (0, True)
    assert second.ends_at == world.now + 10.0
