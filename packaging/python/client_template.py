#!/usr/bin/env python3
"""A peermon client to start from: it lists the best hosts. Copy it, and change `use`.

    client_template.py             the best host
    client_template.py -n 20 -v    twenty, with their figures
    client_template.py -i -v       the same, and nothing else is done
"""

import argparse
import os
import sys
from typing import List

# From a source tree the library lies beside this file; installed, Python finds it by itself.
sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))

from peermonlib import Node, PeermonError, PeermonLib  # noqa: E402


def use(nodes: List[Node]) -> None:
    """What this client is for. Put your own here."""
    print("the best host is", nodes[0].name)


def main() -> int:
    parser = argparse.ArgumentParser(description="List the best hosts.")
    parser.add_argument("-n", type=int, default=1, metavar="N", help="how many hosts (default 1)")
    parser.add_argument("-v", action="store_true", help="all figures of each")
    parser.add_argument("-i", action="store_true", help="only list them")
    parser.add_argument("-p", type=int, default=None, metavar="PORT", help="the daemon's client port")
    options = parser.parse_args()
    try:
        nodes = PeermonLib(port=options.p).choose(options.n)
    except PeermonError as error:
        print("{}: {}".format(os.path.basename(sys.argv[0]), error), file=sys.stderr)
        return error.exit_code
    for node in nodes:
        if options.v:
            memory = node.ram // 1024
            print("{:24} {:15} load {:6.2f}  cores {:3}  {} MiB free".format(node.name, node.IP, node.load, node.cores, memory))
        else:
            print(node.name)
    if not options.i:
        use(nodes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
