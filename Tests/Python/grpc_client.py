"""Calls a test server through grpcio, the C-core client that most languages share.

Usage: grpc_client.py PORT CHECK. Exits 0 when the check holds; otherwise the traceback says what differed.
"""

import sys

import grpc

SERVICE = "/test.Service/"
MIB = 1 << 20
OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


def unary(channel, method):
    return channel.unary_unary(SERVICE + method, request_serializer=bytes, response_deserializer=bytes)


def status_of(call, *arguments, **keywords):
    try:
        call(*arguments, timeout=keywords.pop("timeout", 20), **keywords)
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def sample(size):
    return bytes(range(251)) * (size // 251) + b"x" * (size % 251)


def check_echo(channel):
    for size in (0, 1, 16 * 1024, 250_000, 3 * MIB, 4 * MIB):
        assert unary(channel, "Echo")(sample(size), timeout=20) == sample(size), size


def check_gzip(channel):
    for size in (0, 1, 250_000, 3 * MIB):
        answer = unary(channel, "Echo")(sample(size), timeout=20, compression=grpc.Compression.Gzip)
        assert answer == sample(size), size
    answer = unary(channel, "Echo")(sample(9_999), timeout=20, compression=grpc.Compression.Deflate)
    assert answer == sample(9_999)


def check_too_large(channel):
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        for _ in range(20):
            error = status_of(unary(channel, "Echo"), sample(5 * MIB), compression=compression)
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
            assert "over the limit of 4194304 bytes" in error.details(), error
            names = [key for key, _ in error.trailing_metadata() or ()]
            assert "grpc-status-details-bin" not in names, names
    assert unary(channel, "Echo")(b"after", timeout=20) == b"after"


def check_failure(channel):
    error = status_of(unary(channel, "Fail"), b"")
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert error.details() == "voll 100%\nüber", error.details()
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert details == bytes([8, 8, 18, 1, 255]), details


def check_unknown_method(channel):
    error = status_of(unary(channel, "Nothing"), b"")
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def check_metadata(channel):
    answer = unary(channel, "Metadata")(b"", timeout=20, metadata=[("x-key", "value")])
    assert answer == b"value true true", answer


def check_deadline(channel):
    error = status_of(unary(channel, "Wait"), b"", timeout=0.2)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def check_cancel(channel):
    call = unary(channel, "Wait").future(b"", timeout=20)
    call.cancel()
    assert call.cancelled()
    assert unary(channel, "Echo")(b"after", timeout=20) == b"after"


def check_streaming(channel):
    method = channel.unary_stream(SERVICE + "Count", request_serializer=bytes, response_deserializer=bytes)
    answers = list(method(bytes([200]), timeout=20))
    assert answers == [bytes([index]) * 1000 for index in range(200)]


def check_concurrent(channel):
    call = unary(channel, "Echo")
    for _ in range(5):
        futures = [call.future(sample(10_000 + index), timeout=20) for index in range(200)]
        for index, future in enumerate(futures):
            assert future.result() == sample(10_000 + index), index


def check_goaway(channel):
    """The server starts to shut down once this call runs, and must still answer it."""
    assert unary(channel, "Hold")(b"held", timeout=20) == b"held"


def main():
    port, name = sys.argv[1], sys.argv[2]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        globals()[f"check_{name}"](channel)


if __name__ == "__main__":
    main()
