"""The embedded model's child process. Started by `embedded.py`; speaks OpenAI's protocol on a loopback port.

In: one line of JSON (`model`, `name`, `key`, `threads`, `context`). Out: one line, `{"port": …}` or `{"error": …}`.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Serve until standard input ends."""
    # The script's own folder would shadow installed packages.
    sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]  # noqa: PTH100, PTH120
    options = json.loads(sys.stdin.readline())
    out = os.dup(1)
    # llama.cpp writes to standard output itself.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(said: dict[str, object]) -> None:
        os.write(out, json.dumps(said).encode() + b"\n")

    try:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = options["model"]
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.model_alias = {options["name"]}
        params.api_keys = [options["key"]]
        params.n_ctx = options["context"]
        params.n_parallel = 1
        params.cpuparams.n_threads = options["threads"]
        params.cpuparams_batch.n_threads = options["threads"]
        server = xllamacpp.Server(params)
        port = int(str(server.listening_address).rpartition(":")[2])
    except Exception as error:
        say({"error": " ".join(str(error).split())[:200] or type(error).__name__})
        os._exit(1)
    say({"port": port})
    sys.stdin.read()
    # Not sys.exit: the server's own threads would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
