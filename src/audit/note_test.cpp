// Signed notes as c2sp.org/signed-note has them, with published keys.
#include "audit/note.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "audit/text.h"

namespace holdfast::audit {
namespace {

Hash root_of_eight() {
  Hash out{};
  const std::string digits = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
  return out;
}

// The seed 00 01 ... 1f of the log holdfast.example/audit.
Signer known_signer() {
  std::string bytes(1, '\1');
  for (char i = 0; i < 32; ++i) bytes += i;
  return *Signer::parse(Secret("PRIVATE+KEY+holdfast.example/audit+a39751e3+" + base64(bytes)));
}

TEST(Note, SignsWhatOthersHaveSigned) {
  const Signer signer = known_signer();
  EXPECT_EQ(signer.public_key().text(),
            "holdfast.example/audit+a39751e3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4");
  const auto note = signer.sign(8, root_of_eight());
  ASSERT_TRUE(note);
  EXPECT_NE(note->find("o5dR4wHGcZqeRyKCT67w3BQNWzXe7Qgjg/ZtzJn9FMCy4HP48ShFDGyMp5QfRnYP44pwGQEjF0"
                       "LnXR/5PPTB4jkaOw0=\n"),
            std::string::npos)
      << *note;
  EXPECT_EQ(hex(sha256(*note)), "36c25d449f2570bafb5fc4d7be6cf1a9464a770fae9c1625ebc2d059d3b4d386");
  const auto checkpoint = open_note(*note, signer.public_key());
  ASSERT_TRUE(checkpoint) << checkpoint.error().detail;
  EXPECT_EQ(*checkpoint, (Checkpoint{"holdfast.example/audit", 8, root_of_eight()}));
}

TEST(Note, ReadsAPublishedKey) {
  const std::string text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
  const auto key = PublicKey::parse(text);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->text(), text);
  EXPECT_EQ(key->name(), "example.com/foo");
}

TEST(Note, KeysSurviveTheirText) {
  const auto made = Signer::make("holdfast/x");
  ASSERT_TRUE(made);
  const auto again = Signer::parse(made->text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), made->public_key());
  EXPECT_EQ(*again->sign(3, empty_root()), *made->sign(3, empty_root()));
}

TEST(Note, RefusesWhatIsNoKey) {
  struct Case {
    const char* rule;
    std::string text;
  };
  const Case cases[] = {
      {"nothing", ""},
      {"no parts", "example.com/foo"},
      {"another id", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"},
      {"another name", "example.com/fox+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"},
      {"another type", "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"},
      {"too short", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZA=="},
      {"a space in its name",
       "example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"}};
  for (const Case& c : cases) {
    EXPECT_FALSE(PublicKey::parse(c.text)) << c.rule;
    EXPECT_FALSE(Signer::parse(Secret("PRIVATE+KEY+" + c.text))) << c.rule;
  }
}

TEST(Note, RefusesWhatIsNotSignedOrNoNote) {
  const Signer signer = known_signer();
  const std::string note = *signer.sign(8, root_of_eight());
  const std::string text = note.substr(0, note.find("\n\n") + 1);
  const std::string signature = note.substr(text.size() + 1);
  const auto changed = [](std::string from, std::string_view what, std::string_view by) {
    return from.replace(from.find(what), what.size(), by);
  };
  struct Case {
    const char* rule;
    std::string note;
    ErrorCode code;
  };
  const Case cases[] = {
      {"another size", changed(note, "\n8\n", "\n9\n"), ErrorCode::configuration},
      {"a bit of the signature", changed(note, "o5dR4wH", "o5dR4wG"), ErrorCode::configuration},
      {"nobody has signed", text + "\n", ErrorCode::configuration},
      {"another key has signed", *Signer::make("holdfast.example/audit")->sign(8, root_of_eight()),
       ErrorCode::configuration},
      {"signed twice", note + signature, ErrorCode::configuration},
      {"leading zeros", changed(note, "\n8\n", "\n08\n"), ErrorCode::malformed_response},
      {"a sign", changed(note, "\n8\n", "\n+8\n"), ErrorCode::malformed_response},
      {"more than 64 bits", changed(note, "\n8\n", "\n18446744073709551616\n"),
       ErrorCode::malformed_response},
      {"a root that is cut", changed(note, "\nXcnaeacG", "\nacG"), ErrorCode::malformed_response},
      {"further lines", changed(note, "\n\n", "\nmore\n\n"), ErrorCode::malformed_response},
      {"no signature's line", text + "\n- x y\n", ErrorCode::malformed_response},
      {"no text", "\n\n" + signature, ErrorCode::malformed_response},
      {"torn", note.substr(0, note.size() - 1), ErrorCode::malformed_response},
      {"carriage returns", changed(note, "\n8\n", "\r\n8\r\n"), ErrorCode::malformed_response},
      {"empty", "", ErrorCode::malformed_response},
      {"long", std::string(20'000, 'x') + note, ErrorCode::malformed_response}};
  for (const Case& c : cases) {
    const auto opened = open_note(c.note, signer.public_key());
    ASSERT_FALSE(opened) << c.rule;
    EXPECT_EQ(opened.error().code, c.code) << c.rule << ": " << opened.error().detail;
  }
  const std::string witness = "\xe2\x80\x94 witness.example " + base64("0123456789") + "\n";
  EXPECT_TRUE(open_note(note + witness, signer.public_key())) << "others may sign too";
}

}  // namespace
}  // namespace holdfast::audit
