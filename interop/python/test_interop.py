"""python-socketio's client against the test server of CONTRACT.md.

    pip install -r python/requirements.txt
    python3 python/test_interop.py            # against the reference, or what SERVER_CMD starts
"""

import queue
import sys
import threading
import unittest

try:
    import engineio
    import msgpack  # noqa: F401
    import requests  # noqa: F401
    import socketio
    import websocket  # noqa: F401
except ImportError as missing:
    sys.exit(f"{missing}: pip install -r interop/python/requirements.txt")

from server import Server

WAIT = 5
BYTES = bytes([0, 1, 2, 255])
TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}


engineio.payload.Payload.max_decode_packets = 1000  # its default of 16 refuses what a server may well send at once


class Engine(engineio.Client):
    """Hands messages on one by one. The original gives each a thread, so that order and attachments are luck."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.messages = queue.Queue()
        threading.Thread(target=self.hand_on, daemon=True).start()

    def hand_on(self):
        while True:
            target, args = self.messages.get()
            target(*args)

    def start_background_task(self, target, *args, **options):
        if target is self.handlers.get("message"):
            return self.messages.put((target, args))
        return super().start_background_task(target, *args, **options)


class Client(socketio.Client):
    def _engineio_client_class(self):
        return Engine


class Peer:
    """A client that remembers what it was sent."""

    def __init__(self, namespaces=("/",), events=(), answers=None, **options):
        self.namespaces = list(namespaces)
        self.client = Client(**{"reconnection": False} | options)
        self.boxes = {}
        for namespace in namespaces:
            for event in ("connect_error", "disconnect", *events):
                box = self.boxes[namespace, event] = queue.Queue()
                self.client.on(event, lambda *args, box=box: box.put(args), namespace=namespace)
            for event, answer in (answers or {}).items():
                self.client.on(event, answer, namespace=namespace)

    def connect(self, url, transports, auth):
        self.client.connect(url, transports=transports, namespaces=self.namespaces, auth=auth, wait_timeout=WAIT)

    def close(self):
        self.client.eio.disconnect(abort=True)

    def next(self, event, namespace="/"):
        return self.boxes[namespace, event].get(timeout=WAIT)

    def empty(self, event, namespace="/"):
        return self.boxes[namespace, event].empty()

    def emit(self, event, *args, namespace="/"):
        self.client.emit(event, args, namespace=namespace)

    def call(self, event, *args, namespace="/"):
        """The acknowledgement: nothing, one value, or a tuple."""
        return self.client.call(event, args, namespace=namespace, timeout=WAIT)

    @property
    def id(self):
        return self.client.get_sid()


class Interop:
    """The tests of one transport; the classes are made below."""

    transports: list

    @classmethod
    def setUpClass(cls):
        # A client that leaves by polling may wait for its last poll: the next ping answers it.
        cls.server = Server(ping_interval=1000)
        cls.addClassCleanup(cls.server.stop)

    def peer(self, *args, url=None, auth=None, **options):
        peer = Peer(*args, **options)
        self.addCleanup(peer.close)
        peer.connect(url or self.server.url, self.transports, auth)
        return peer

    def refused(self, namespace, auth=None):
        """What a client is refused with."""
        peer = Peer([namespace])
        self.addCleanup(peer.close)
        with self.assertRaises(socketio.exceptions.ConnectionError):
            peer.connect(self.server.url, self.transports, auth)
        return peer.next("connect_error", namespace)

    def assert_failed(self, answer, message=None):
        self.assertIsInstance(answer["error"]["message"], str)
        if message is not None:
            self.assertEqual(answer["error"]["message"], message)

    def test_d1_d2_d3_the_transport_is_the_one_asked_for(self):
        peer = self.peer()
        self.assertEqual(peer.client.transport(), self.transports[-1])
        self.assertEqual(peer.call("ack", 1), 1)

    def test_d8_d10_events_go_there_and_back(self):
        peer = self.peer(events=["echo", "message"])
        for args in [
            (),
            (1, "2", [3]),
            (None, True, -1.5, "é😀\u2028"),
            ({"a": {"b": [{"c": []}]}},),
            (BYTES,),
            (1, BYTES, "3", [4], BYTES, [BYTES, "swag", {"deep": BYTES}]),
            (b"",),
            ("x" * 100_000, bytes(100_000)),
        ]:
            peer.emit("echo", *args)
            self.assertEqual(peer.next("echo"), args)
        peer.client.send("sent")
        self.assertEqual(peer.next("message"), ("sent",))

    def test_d9_the_server_acknowledges(self):
        peer = self.peer()
        self.assertIsNone(peer.call("ack"))
        self.assertEqual(peer.call("ack", {"a": 1}), {"a": 1})
        self.assertEqual(peer.call("ack", 1, "two", BYTES), (1, "two", BYTES))
        self.assertEqual(peer.call("later", "deferred"), "deferred")
        self.assertEqual(peer.call("double", 21), 42)
        uploaded = peer.call("upload", {"name": "a.bin", "bytes": BYTES})
        self.assertEqual(uploaded, {"name": "a.bin", "bytes": BYTES, "size": 4})

    def test_d9_the_client_acknowledges(self):
        peer = self.peer(answers={"question": lambda *args: (*args, BYTES), "silent": lambda: None})
        self.assertEqual(peer.call("ask", "question", "text", BYTES), ("text", BYTES, BYTES))
        self.assertIsNone(peer.call("ask", "silent"))

    def test_a3_failures_are_acknowledged(self):
        peer = self.peer()
        self.assert_failed(peer.call("double", "x"))
        self.assert_failed(peer.call("fail", "why"), "why")
        self.assert_failed(peer.call("panic"))
        self.assert_failed(peer.call("nobody handles this"))
        self.assertEqual(peer.call("ack", "alive"), "alive")

    def test_d41_events_arrive_in_order(self):
        peer = self.peer(events=["echo", "number"])
        for i in range(200):
            peer.emit("echo", i)
        peer.emit("burst", 200)
        self.assertEqual([peer.next("echo") for _ in range(200)], [(i,) for i in range(200)])
        self.assertEqual([peer.next("number") for _ in range(200)], [(i,) for i in range(200)])

    def test_d12_to_d15_rooms_and_broadcasts(self):
        a, b, c = (self.peer(["/", "/dynamic-15"], events=["news"]) for _ in range(3))
        name = "/dynamic-15"
        self.assertEqual(b.call("join", ["x", "y"], namespace=name), ["x", "y"])
        self.assertEqual(c.call("join", ["y"], namespace=name), ["y"])
        a.call("cast", {"to": ["x", "y"]}, "news", "rooms", namespace=name)
        a.call("cast", {"broadcast": True, "except": ["x"]}, "news", "except", BYTES, namespace=name)
        b.call("cast", {}, "news", "all", namespace=name)
        self.assertEqual([b.next("news", name) for _ in range(2)], [("rooms",), ("all",)])
        self.assertEqual([c.next("news", name) for _ in range(3)], [("rooms",), ("except", BYTES), ("all",)])
        self.assertEqual(a.next("news", name), ("all",))
        for peer in (a, b, c):
            peer.call("ack", namespace=name)
            self.assertTrue(peer.empty("news", name))
            self.assertTrue(peer.empty("news"))

    def test_g4_a_broadcast_collects_acknowledgements(self):
        answering = [self.peer(["/dynamic-4"], answers={"question": lambda i=i: i}) for i in range(3)]
        options = {"timeout": 5000}
        collected = answering[0].call("cast-ack", options, "question", namespace="/dynamic-4")
        self.assertEqual((sorted(collected["answers"]), collected["missing"]), ([0, 1, 2], 0))

    def test_d18_namespaces_share_a_connection(self):
        peer = self.peer(["/", "/chat", "/dynamic-1"], events=["echo"])
        ids = {peer.client.get_sid(name) for name in ["/", "/chat", "/dynamic-1"]}
        self.assertEqual(len(ids | {peer.client.eio.sid}), 4, "D40")
        peer.emit("echo", "chat", namespace="/chat")
        self.assertEqual(peer.next("echo", "/chat"), ("chat",))
        peer.emit("kick", False, namespace="/chat")
        self.assertEqual(peer.next("disconnect", "/chat"), ("server disconnect",))
        self.assertEqual(peer.call("ack", "alive", namespace="/dynamic-1"), "alive")
        self.assertTrue(peer.empty("echo"))

    def test_d19_unknown_namespaces_are_refused(self):
        self.assertEqual(self.refused("/abc"), ({"message": "Invalid namespace"},))

    def test_d22_d25_auth_decides_and_is_seen(self):
        refusal = {"message": "not authorized", "data": {"hint": "token"}}
        self.assertEqual(self.refused("/private", {"token": "wrong"}), (refusal,))
        peer = self.peer(["/private"], auth={"token": "secret"})
        self.assertEqual(peer.call("handshake", namespace="/private")["auth"], {"token": "secret"})

    def test_d26_d27_a_client_that_is_sent_away_was_in_its_rooms_to_the_end(self):
        watch = self.peer(["/watch"], events=["leaving", "left"])
        peer = self.peer()
        peer.call("join", ["room"])
        gone = peer.id
        peer.emit("kick", False)
        self.assertEqual(peer.next("disconnect"), ("server disconnect",))
        told = {"id": gone, "ns": "/", "reason": "server namespace disconnect"}
        for event, expected in [("leaving", told | {"rooms": ["room"]}), ("left", told)]:
            # Clients of earlier tests may be going, too.
            of_all = iter(lambda: watch.next(event, "/watch")[0], None)
            self.assertEqual(next(one for one in of_all if one["id"] == gone), expected)

    def test_d5_a_client_that_lives_stays(self):
        server = Server(ping_interval=200, ping_timeout=1000)
        self.addCleanup(server.stop)
        peer = self.peer(url=server.url)
        with self.assertRaises(queue.Empty):
            peer.boxes["/", "disconnect"].get(timeout=1.5)
        self.assertEqual(peer.call("ack", "alive"), "alive")

    def test_d6_a_client_comes_back_after_a_restart(self):
        server = Server()
        self.addCleanup(server.stop)
        options = {"reconnection": True, "reconnection_delay": 0.05, "randomization_factor": 0}
        peer = self.peer(events=["echo"], url=server.url, **options)
        back = threading.Event()
        peer.client.on("connect", back.set)
        server.stop()
        peer.next("disconnect")
        again = Server(port=server.port)
        self.addCleanup(again.stop)
        self.assertTrue(back.wait(WAIT))
        peer.emit("echo", "once")
        self.assertEqual(peer.next("echo"), ("once",))
        peer.call("ack")
        self.assertTrue(peer.empty("echo"))

    def test_g1_msgpack(self):
        server = Server(parser="msgpack")
        self.addCleanup(server.stop)
        answers = {"question": lambda *args: args}
        peer = self.peer(["/", "/chat"], url=server.url, serializer="msgpack", events=["echo"], answers=answers)
        args = (1, -1, 1.5, "é😀", None, [BYTES, {"deep": BYTES}], 2**40)
        peer.emit("echo", *args, namespace="/chat")
        self.assertEqual(peer.next("echo", "/chat"), args)
        self.assertEqual(peer.call("ack", *args), args)
        self.assertEqual(peer.call("ask", "question", "text", BYTES), ("text", BYTES))


class Polling(Interop, unittest.TestCase):
    transports = TRANSPORTS["polling"]


class WebSocket(Interop, unittest.TestCase):
    transports = TRANSPORTS["websocket"]


class Upgrade(Interop, unittest.TestCase):
    transports = TRANSPORTS["upgrade"]


if __name__ == "__main__":
    unittest.main(verbosity=2)
