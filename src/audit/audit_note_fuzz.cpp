// Checkpoints, keys and proofs that somebody hands in: read or refused, and nothing is taken for
// signed that is not the one note that was.
#include <cstdint>
#include <string_view>

#include "audit/note.h"
#include "audit/text.h"
#include "audit/verify.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::audit;
  static const PublicKey key = *PublicKey::parse(
      "holdfast.example/audit+a39751e3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto checkpoint = open_note(text, key))
    HF_CHECK(checkpoint->size == 8 && checkpoint->origin == key.name());
  if (const auto other = PublicKey::parse(text)) HF_CHECK(other->text() == text);
  if (const auto bytes = from_base64(text)) HF_CHECK(base64(*bytes) == text);
  [[maybe_unused]] const auto shown = check_proof(text, key);
  return 0;
}
