#include "audit/note.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <optional>

#include "audit/text.h"

namespace holdfast::audit {
namespace {

constexpr char ed25519 = 1;  // the type of its keys and signatures
constexpr std::size_t key_bytes = 32, signature_bytes = 64, id_bytes = 4;
constexpr std::string_view private_mark = "PRIVATE+KEY+";
constexpr std::string_view signature_mark = "\xe2\x80\x94 ";  // an em dash and a space

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string id_of(const std::string& name, std::string_view raw) {
  const Hash hash = sha256(fmt::format("{}\n{}{}", name, ed25519, raw));
  return {reinterpret_cast<const char*>(hash.data()), id_bytes};
}

// Narrower than the standard, which allows all but spaces and plus: visible ASCII without plus.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f' && c != '+'; });
}

// The two parts behind the name, "HEX+BASE64": the 32 bytes when they fit the name.
struct KeyText {
  std::string name, id, raw;
};
std::optional<KeyText> split_key(std::string_view text) {
  const auto first = text.find('+');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = text.find('+', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  KeyText out{std::string(text.substr(0, first)),
              std::string(text.substr(first + 1, second - first - 1)),
              {}};
  auto bytes = from_base64(text.substr(second + 1));
  if (!bytes) return std::nullopt;
  const bool right =
      is_name(out.name) && bytes->size() == 1 + key_bytes && bytes->front() == ed25519;
  if (right) out.raw = bytes->substr(1);
  OPENSSL_cleanse(bytes->data(), bytes->size());  // it may have been a seed
  if (!right) return std::nullopt;
  return out;
}

std::optional<Checkpoint> read_checkpoint(std::string_view text) {
  Checkpoint out;
  const auto line = [&text]() -> std::optional<std::string_view> {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view found = text.substr(0, end);
    text.remove_prefix(end + 1);
    return found;
  };
  const auto origin = line(), size = line(), root = line();
  if (!origin || !size || !root || !text.empty() || !is_name(*origin)) return std::nullopt;
  const auto count = count_from(*size);
  const auto hash = hash_from_base64(*root);
  if (!count || !hash) return std::nullopt;
  return Checkpoint{std::string(*origin), *count, *hash};
}

}  // namespace

PublicKey::PublicKey(std::string name, std::string raw)
    : name_(std::move(name)), raw_(std::move(raw)), id_(id_of(name_, raw_)) {}

Result<PublicKey> PublicKey::parse(std::string_view text) {
  const auto parts = split_key(text);
  if (parts) {
    PublicKey key(parts->name, parts->raw);
    if (hex(key.id_) == parts->id) return key;
  }
  return fail(ErrorCode::configuration,
              "not the public key of an audit log: `holdfast audit key` prints one, as in "
              "NAME+0123abcd+BASE64");
}

std::string PublicKey::text() const {
  return fmt::format("{}+{}+{}", name_, hex(id_), base64(ed25519 + raw_));
}

bool PublicKey::verify(std::string_view text, std::string_view signature) const {
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(raw_), raw_.size());
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const bool right = key != nullptr && context &&
                     EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
                     EVP_DigestVerify(context.get(), octets(signature), signature.size(),
                                      octets(text), text.size()) == 1;
  EVP_PKEY_free(key);
  ERR_clear_error();
  return right;
}

Signer::Signer(PublicKey key, std::shared_ptr<evp_pkey_st> pair, Secret seed)
    : public_(std::move(key)), pair_(std::move(pair)), seed_(std::move(seed)) {}

Result<Signer> Signer::from_seed(const std::string& name, Secret seed) {
  std::shared_ptr<EVP_PKEY> pair(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(seed.reveal()),
                                   seed.reveal().size()),
      &EVP_PKEY_free);
  std::string raw(key_bytes, '\0');
  std::size_t size = raw.size();
  const bool right = is_name(name) && pair &&
                     EVP_PKEY_get_raw_public_key(
                         pair.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) == 1;
  ERR_clear_error();
  if (!right) return fail(ErrorCode::configuration, "no key of an audit log can be made of it");
  return Signer(PublicKey(name, raw), std::move(pair), std::move(seed));
}

Result<Signer> Signer::make(const std::string& name) {
  std::string seed(key_bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(seed.data()), static_cast<int>(seed.size())) !=
      1) {
    ERR_clear_error();
    return fail(ErrorCode::io, "the operating system gives no randomness for a signing key");
  }
  return from_seed(name, Secret(std::move(seed)));
}

Result<Signer> Signer::parse(const Secret& text) {
  std::string_view rest = text.reveal();
  if (rest.starts_with(private_mark)) {
    rest.remove_prefix(private_mark.size());
    if (auto parts = split_key(rest)) {
      auto signer = from_seed(parts->name, Secret(std::move(parts->raw)));
      if (signer && hex(signer->public_.id_) == parts->id) return signer;
    }
  }
  return fail(ErrorCode::configuration, "not the private key of an audit log");
}

Secret Signer::text() const {
  std::string bytes(1, ed25519);
  bytes += seed_.reveal();
  std::string encoded = base64(bytes);
  std::string text;  // not by fmt, whose buffer would keep it
  text.reserve(private_mark.size() + public_.name_.size() + encoded.size() + 16);
  text.append(private_mark).append(public_.name_).append("+").append(hex(public_.id_));
  text.append("+").append(encoded);
  Secret out(std::move(text));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  OPENSSL_cleanse(encoded.data(), encoded.size());
  return out;
}

Result<std::string> Signer::sign(std::uint64_t size, const Hash& root) const {
  const std::string text = fmt::format("{}\n{}\n{}\n", public_.name_, size, base64(root));
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::string signature(signature_bytes, '\0');
  std::size_t length = signature.size();
  const bool signed_it =
      context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pair_.get()) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                     octets(text), text.size()) == 1;
  ERR_clear_error();
  if (!signed_it) return fail(ErrorCode::io, "OpenSSL cannot sign a checkpoint");
  return fmt::format("{}\n{}{} {}\n", text, signature_mark, public_.name_,
                     base64(public_.id_ + signature));
}

Result<Checkpoint> open_note(std::string_view note, const PublicKey& key) {
  const auto malformed = [](std::string_view what) {
    return fail(ErrorCode::malformed_response, fmt::format("not a signed checkpoint: {}", what));
  };
  if (note.size() > limits::audit_note_bytes) return malformed("longer than 16 KiB");
  const auto blank = note.find("\n\n");
  if (blank == std::string_view::npos || !note.ends_with('\n'))
    return malformed("it has no text, an empty line and signatures");
  const std::string_view text = note.substr(0, blank + 1);
  std::string_view rest = note.substr(blank + 2);
  const auto checkpoint = read_checkpoint(text);
  if (!checkpoint) return malformed("its text is not a name, a size and a root");
  bool ours = false, right = true;
  std::size_t count = 0;
  for (; !rest.empty(); ++count) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    if (count == limits::audit_note_signatures) return malformed("it has too many signatures");
    if (!line.starts_with(signature_mark)) return malformed("a line of its signatures is none");
    const std::string_view signer = line.substr(signature_mark.size());
    const auto space = signer.find(' ');
    const auto blob = space == std::string_view::npos ? std::optional<std::string>()
                                                      : from_base64(signer.substr(space + 1));
    if (!blob || blob->size() <= id_bytes) return malformed("a line of its signatures is none");
    if (signer.substr(0, space) != key.name_ || blob->substr(0, id_bytes) != key.id_) continue;
    right = right && !ours && blob->size() == id_bytes + signature_bytes &&
            key.verify(text, std::string_view(*blob).substr(id_bytes));
    ours = true;
  }
  if (!ours)
    return fail(
        ErrorCode::configuration,
        fmt::format("not signed by the key {}: another log's, or the key was changed", key.name_));
  if (!right)
    return fail(ErrorCode::configuration, "its signature is wrong: the checkpoint was changed");
  if (checkpoint->origin != key.name_) return malformed("it is of another log than its key");
  return *checkpoint;
}

}  // namespace holdfast::audit
