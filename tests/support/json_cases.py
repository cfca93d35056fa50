"""JSON texts of every kind that RFC 8259 and real parsers disagree about, made by rule.

`bad()` must be refused, `good()` must pass, `either()` is left open by the standard. Each case is
(rule, bytes of a value). They are written for this project and cover the kinds that public
collections of parser tests name: numbers, strings, escapes, UTF-8, structure, depth.
"""

NUMBERS = """
    -01 -2. .2e-3 -.123 0.1.2 0.3e 0.3e+ 0.e1 0E 0E+ 0e 0e+ 1.0e 1.0e+ 1.0e- 1_000 1e 1+2 2.e+3
    2.e-3 2.e3 9.e+ +1 +Inf -Infinity -NaN -nan -1.0. .-1 ++1234 +12 --2 -2a -x - 012 -012 -1x
    0x1 0x42 0X42 1.2a- 1.8011670033376514H-308 1eE2 1ea 1e1.1 Inf Infinity NaN nan 00 01 1. 1.e1
    1e+ 1e- -0.e1 0b1 0o7 ١ １ 1,000 1 2 -\ufe64 ∞ e5 E5 1d 1f 1L
""".split()
GOOD_NUMBERS = """
    0 -0 1 -1 123 0.1 -0.1 1e1 1E1 1e+1 1e-1 1E+2 1.5e300 -1.5E-300 0e1 0e+1 0E-1 20e1 123e65
    123.456e78 1E22 -0.0 0.000000000000000000000000000000000000000000000000000000000000000000001
    123456789012345678901234567890 -123456789012345678901234567890 9223372036854775807
    9223372036854775808 18446744073709551616 1e400 -1e400 1e-400 0.4e00669999999999999999
    100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
""".split()
BAD_ESCAPES = """
    \\x00 \\a \\v \\' \\0 \\u \\u1 \\u12 \\u123 \\u123g \\uG000 \\U0041 \\u-123 \\u+123 \\u\u0663123
    \\uD8\\u00 \\e \\ \\z \\9 \\N \\%
""".split()
LONE_SURROGATES = """
    \\ud83d \\ude00 \\ude00\\ud83d \\ud83d\\u0041 \\ud83dx \\ud83d\\ud83d\\ude00 \\uDADA \\udbff\\ud800
""".split()
BAD_UTF8 = [
    b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc3\x28", b"\xe0\x80\x80", b"\xe0\x9f\xbf",
    b"\xe2\x28\xa1", b"\xe2\x82", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80",
    b"\xf0\x8f\xbf\xbf", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff", b"\xe9", b"\xc3\xc3\xa9",
    b"\xf0\x9f\x98\x80\x80",
]  # fmt: skip
BAD_STRUCTURE = """
    [1,] [,1] [,] [1,,2] [1 [1}] [[] [][] [1]] ["a"]x [1:2] [a] [1;2] {,} {"a"} {"a":} {:1} {a:1}
    {1:1} {'a':1} {"a":1,} {"a":1,,"b":2} {"a":1 {"a"::1} {"a":1}} {"a":1}{} {"a"1} {"a","b"}
    {null:1} {"a":1]} [{"a":1] ]  } , : "a 'a' `a` a" "a"b tru fals nul True TRUE False None
    undefined nulll truee [true false] {"a":b} {"a":1}# {"a":/*c*/1} //c [1]/**/ {"a":"b",} \\ [\\n]
    <null> $ @ ! ~ * & ^ % ( ) [fals] ["\\"] [" {"a":"b {"a {" { [ ["a", {"a":[ {[ {} {}
    [1]1 true,false "x":1
""".split()  # fmt: skip
GOOD_STRUCTURE = [
    "[]", "{}", "[ ]", "{ }", '[""]', '{"":0}', '{"a":[]}', "[[]]", "[1,null,1,2]", "[true,false]",
    "[\n1\n]", "[\t1\r\n]", " [1] ", '{"a":{"a":{"a":1}}}', '{"A":1,"a":2}', '{"a b":1}', "null",
    "true", "false", '"x"', "42", "[[[[[[[[1]]]]]]]]", '{"\\u0061b":1}', '{"\\n":1}', '[" "]',
    '{"a":"' + "b" * 5000 + '"}', "[" + ",".join(["1"] * 2000) + "]",
]  # fmt: skip
GOOD_STRINGS = [
    '""', '" "', '"\\""', '"\\\\"', '"\\/"', '"\\b\\f\\n\\r\\t"', '"\\u0000"', '"\\u0041"',
    '"\\u00e9"', '"\\ud83d\\ude00"', '"\\uD834\\uDd1e"', '"\\udbff\\udfff"', '"é"', '"€"', '"😀"',
    '"\u2028\u2029"', '"\u007f"', '"\ufeff"', '"\ufffe\uffff"', '"\U0010ffff"', '"/"', '"\'"',
    '"\\u005C"', '"\\\\u0041"', '"a/*b*/c/*d//e"', '"\\u200b"', '"new\u00a0line"', '"\\uFFFE"',
]  # fmt: skip
WHITE_SPACE = ["\f", "\v", "\u00a0", "\u2060", "\ufeff", "\u2028", "\0", "\b", "\u0085", "\u3000"]


def bad() -> list[tuple[str, bytes]]:
    cases = [(f"number {n}", n.encode()) for n in NUMBERS if n not in ("1", "2")]
    cases += [(f"escape {e}", f'"{e}"'.encode()) for e in BAD_ESCAPES]
    cases += [(f"lone surrogate {e}", f'"{e}"'.encode()) for e in LONE_SURROGATES]
    cases += [(f"bad UTF-8 {e.hex()} in a string", b'"' + e + b'"') for e in BAD_UTF8]
    cases += [(f"bad UTF-8 {e.hex()} outside", e) for e in BAD_UTF8]
    cases += [(f"structure {s}", s.encode()) for s in BAD_STRUCTURE if s != "{}"]
    cases += [(f"white space U+{ord(w):04X}", f"[{w}1]".encode()) for w in WHITE_SPACE]
    for code in range(0x20):
        cases.append((f"raw U+{code:04X} in a string", b'"a%cb"' % code))
    cases += [("nothing", b""), ("blanks only", b"  \n ")]
    return cases


def good() -> list[tuple[str, bytes]]:
    cases = [(f"number {n}", n.encode()) for n in GOOD_NUMBERS]
    cases += [(f"structure {s[:40]}", s.encode()) for s in GOOD_STRUCTURE]
    cases += [(f"string {s}", s.encode("utf-8", "surrogatepass")) for s in GOOD_STRINGS]
    return cases
