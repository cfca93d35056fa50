"""A fake provider of any family as a process: see families/server.py.

python fake_provider.py --family anthropic [--name one] [--behave JSON] [--cert PEM --key PEM]
"""

import asyncio
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import fake_upstream  # noqa: E402

from support.families import published, server  # noqa: E402

if __name__ == "__main__":
    parser = fake_upstream.parser(__doc__)
    parser.add_argument("--family", choices=server.FAMILIES, required=True)
    upstream = server.FamilyUpstream(parser.parse_args())
    asyncio.run(fake_upstream.run(upstream, checked=published.available()))
