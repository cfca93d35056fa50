#!/usr/bin/env python3
"""embed.py PAGE OUT: makes a C++ header of the page and of the policy under which it is served.

The policy allows exactly this page's one script and one style, by their sha256, and requests to
where the page came from.
"""

import base64
import hashlib
import pathlib
import re
import sys

page_path, out_path = map(pathlib.Path, sys.argv[1:])
page = page_path.read_text(encoding="utf-8")


def source_of(tag: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    if len(found) != 1 or page.count(f"<{tag}") != 1:
        sys.exit(f"{page_path}: want exactly one <{tag}> without attributes")
    digest = hashlib.sha256(found[0].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


policy = "; ".join(
    [
        "default-src 'none'",
        f"script-src {source_of('script')}",
        f"style-src {source_of('style')}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
out_path.write_text(
    f"""// Made from {page_path.name}.
#pragma once
#include <string_view>

namespace holdfast::console::{page_path.stem}_data {{
inline constexpr std::string_view policy = R"policy({policy})policy";
inline constexpr std::string_view page = R"embedded({page})embedded";
}}  // namespace holdfast::console::{page_path.stem}_data
""",
    encoding="utf-8",
)
