#include "dialect/multipart.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace holdfast::dialect {
namespace {

// "name=value name=value ...", files marked by @; else what is wrong.
std::string read(std::string_view body, std::string_view boundary = "b") {
  const auto parts = read_form(body, boundary);
  if (!parts) return parts.error().message;
  std::string out;
  for (const FormPart& part : *parts) {
    EXPECT_LE(part.begin, part.end);
    EXPECT_TRUE(body.substr(part.begin, part.end - part.begin).ends_with(part.value));
    out += fmt::format("{}{}={} ", part.is_file ? "@" : "", part.name, part.value);
  }
  return out;
}

std::string one(std::string_view head, std::string_view value = "v") {
  return fmt::format("--b\r\n{}\r\n\r\n{}\r\n--b--\r\n", head, value);
}

TEST(Multipart, WhatClientsSendIsRead) {
  struct Case {
    const char* rule;
    std::string body;
    const char* want;
  };
  const std::string field = "Content-Disposition: form-data; name=\"model\"";
  const Case cases[] = {
      {"two fields",
       "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b\r\n"
       "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
       "Content-Type: audio/wav\r\n\r\n\x01\r\n\x02\r\n--b--\r\n",
       "model=m @file=\x01\r\n\x02 "},
      {"no line end at the end", "--b\r\n" + field + "\r\n\r\nm\r\n--b--", "model=m "},
      {"an empty value", one(field, ""), "model= "},
      {"a name without quotes, a file name twice, each in its spelling",
       one("content-disposition:form-data;name=file;filename=a.mp3;filename*=utf-8''a.mp3"),
       "@file=v "},
      {"names of lists", one("Content-Disposition: form-data; name=\"include[]\""), "include[]=v "},
      {"the length, when it is right", one(field + "\r\nContent-Length: 1"), "model=v "},
      {"an encoding that encodes nothing", one(field + "\r\nContent-Transfer-Encoding: 8bit"),
       "model=v "},
      {"a line that begins as the boundary does", one(field, "--a\r\n--B\r\n-b"),
       "model=--a\r\n--B\r\n-b "},
      {"a form without parts", "--b--\r\n", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(read(c.body), c.want) << c.rule;
}

TEST(Multipart, WhatCouldBeReadInTwoWaysIsRefused) {
  const std::string field = "Content-Disposition: form-data; name=\"model\"";
  struct Case {
    const char* rule;
    std::string body;
    const char* part;  // of the message
  };
  const Case cases[] = {
      {"nothing", "", "does not begin"},
      {"something before it", "\r\n" + one(field), "does not begin"},
      {"a preamble", "hello\r\n" + one(field), "does not begin"},
      {"another boundary", "--c\r\n", "does not begin"},
      {"no end", "--b\r\n" + field + "\r\n\r\nm\r\n", "part 1 has no end"},
      {"the end cut off", "--b\r\n" + field + "\r\n\r\nm\r\n--b", "not a line of its own"},
      {"half an end", "--b\r\n" + field + "\r\n\r\nm\r\n--b-", "not a line of its own"},
      {"something behind it", one(field) + "x", "behind its end"},
      {"a second form behind it", one(field) + one(field), "behind its end"},
      {"a boundary that goes on", "--b\r\n" + field + "\r\n\r\nm\r\n--bc\r\n\r\n--b--",
       "not a line of its own"},
      {"white space behind a boundary", "--b \r\n" + field + "\r\n\r\nm\r\n--b--",
       "not a line of its own"},
      {"a boundary that LF alone ends", "--b\n" + field + "\r\n\r\nm\r\n--b--",
       "not a line of its own"},
      {"a boundary behind LF alone", "--b\r\n" + field + "\r\n\r\nm\n--b\r\nx\r\n--b--",
       "stands within part 1"},
      {"a boundary behind CR alone", one(field, "m\r--b\r\nx"), "stands within part 1"},
      {"a boundary in the middle of a line", one(field, "m--b"), "stands within part 1"},
      {"a boundary right behind a boundary", "--b\r\n--b--\r\n", "stands within part 1"},
      {"a head that LF alone ends", "--b\r\n" + field + "\n\nm\r\n--b--", "without an end"},
      {"a head without a value", "--b\r\n" + field + "\r\n--b--", "without an end"},
      {"no head", "--b\r\n\r\nm\r\n--b--", "no Content-Disposition"},
      {"another head", one("Content-Type: text/plain"), "no Content-Disposition"},
      {"two heads of one kind", one(field + "\r\n" + field), "two Content-Dispositions"},
      {"another disposition", one("Content-Disposition: attachment; name=\"model\""),
       "other than form-data"},
      {"two names", one("Content-Disposition: form-data; name=\"a\"; name=\"model\""),
       "name twice"},
      {"two names in other letters",
       one("Content-Disposition: form-data; name=\"a\"; NAME=\"model\""), "twice"},
      {"a name in another spelling", one("Content-Disposition: form-data; name*=utf-8''model"),
       "another spelling"},
      {"two file names", one(field + "; filename=\"a\"; filename=\"b\""), "filename twice"},
      {"no name", one("Content-Disposition: form-data"), "has no name"},
      {"an empty name", one("Content-Disposition: form-data; name=\"\""), "has no name"},
      {"a name with an escape", one("Content-Disposition: form-data; name=\"mo%64el\""),
       "other characters"},
      {"a name of other letters", one("Content-Disposition: form-data; name=\"m\xc3\xb6\""),
       "other characters"},
      {"a quote within quotes", one(field + "; filename=\"a\\\"; name=\\\"x\""), "malformed"},
      {"a name without its closing quote", one("Content-Disposition: form-data; name=\"model"),
       "malformed"},
      {"two words", one("Content-Disposition: form-data; name=a b"), "malformed"},
      {"nothing behind a semicolon", one(field + ";"), "malformed"},
      {"a folded line", one("Content-Disposition: form-data;\r\n name=\"model\""), "malformed"},
      {"white space before the colon", one("Content-Disposition : form-data; name=\"model\""),
       "malformed header line"},
      {"a CR in a line", one(field + "\rx: y"), "malformed header line"},
      {"a NUL in a line", one(field + std::string("\r\nx: \0", 6)), "malformed header line"},
      {"an encoding", one(field + "\r\nContent-Transfer-Encoding: base64"), "is encoded"},
      {"two encodings",
       one(field + "\r\nContent-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: binary"),
       "two Content-Transfer-Encodings"},
      {"a form in a form", one(field + "\r\nContent-Type: multipart/mixed; boundary=c"),
       "form in a form"},
      {"two types", one(field + "\r\nContent-Type: a/b\r\nContent-Type: c/d"), "two Content-Types"},
      {"two character sets", one(field + "\r\nContent-Type: a/b; charset=utf-8; charset=utf-16"),
       "charset twice"},
      {"another length", one(field + "\r\nContent-Length: 2"), "not its length"},
      {"two lengths", one(field + "\r\nContent-Length: 1\r\nContent-Length: 1"),
       "two Content-Lengths"},
      {"a head that is too long",
       one(field + "\r\nx: " + std::string(limits::form_head_bytes, 'x')), "longer one"},
      {"a name that is too long",
       one("Content-Disposition: form-data; name=" + std::string(limits::form_name_bytes + 1, 'x')),
       "has no name, or"},
  };
  for (const Case& c : cases) {
    const std::string said = read(c.body);
    EXPECT_NE(said.find(c.part), std::string::npos) << c.rule << "\n" << said;
    EXPECT_TRUE(said.starts_with("the form is refused: ")) << c.rule << "\n" << said;
  }
}

TEST(Multipart, HasSoManyPartsAndNoMore) {
  std::string body;
  for (std::size_t i = 0; i < limits::form_parts; ++i)
    body += "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n";
  EXPECT_EQ(read_form(body + "--b--", "b")->size(), limits::form_parts);
  const auto more = read_form(body + body + "--b--", "b");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message, "the form is refused: it has more than 256 parts");
}

TEST(Multipart, OnlyTextInUtf8IsPlain) {
  const std::string field = "Content-Disposition: form-data; name=\"model\"\r\nContent-Type: ";
  struct Case {
    const char* type;
    bool plain;
  };
  const Case cases[] = {{"text/plain", true},
                        {"text/plain; charset=UTF-8", true},
                        {"text/plain; charset=\"us-ascii\"", true},
                        {"text/plain; charset=utf-16", false},
                        {"text/plain; charset=utf-7", false}};
  for (const Case& c : cases) {
    const std::string body = one(field + c.type);
    const auto parts = read_form(body, "b");
    ASSERT_TRUE(parts) << c.type;
    EXPECT_EQ(parts->front().plain, c.plain) << c.type;
  }
}

TEST(Multipart, TheBoundaryIsInTheContentType) {
  struct Case {
    const char* rule;
    std::string content_type;
    std::string want;  // the boundary, or the message
  };
  const Case cases[] = {
      {"plain", "multipart/form-data; boundary=abc", "abc"},
      {"in quotes", "Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a:b\"", "a:b"},
      {"none", "multipart/form-data", "names no boundary"},
      {"an empty one", "multipart/form-data; boundary=\"\"", "1 to 70"},
      {"two", "multipart/form-data; boundary=a; boundary=b", "two boundaries"},
      {"a long one", "multipart/form-data; boundary=" + std::string(71, 'a'), "1 to 70"},
      {"a space in it", "multipart/form-data; boundary=\"a b\"", "1 to 70"},
      {"an escape in it", "multipart/form-data; boundary=\"a\\b\"", "malformed"},
      {"a line end in it", "multipart/form-data; boundary=\"a\r\nb\"", "1 to 70"},
      {"no end of the quotes", "multipart/form-data; boundary=\"a", "malformed"},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(is_form(c.content_type)) << c.rule;
    const auto boundary = read_boundary(c.content_type);
    const std::string said = boundary ? std::string(*boundary) : boundary.error().message;
    EXPECT_NE(said.find(c.want), std::string::npos) << c.rule << "\n" << said;
    if (boundary)
      EXPECT_EQ(read_boundary(form_content_type(*boundary)).value_or("none"), *boundary) << c.rule;
  }
  EXPECT_FALSE(is_form("multipart/mixed; boundary=a"));
  EXPECT_FALSE(is_form("application/json"));
  EXPECT_FALSE(is_form(""));
}

}  // namespace
}  // namespace holdfast::dialect
