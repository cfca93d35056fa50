// Each construction against vectors that others published: what we encrypt, others can decrypt.
#include "vault/sealed/constructions.h"

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <openssl/err.h>

#include <fstream>

#include "vault/sealed/chunked.h"

namespace holdfast::vault::sealed {
namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[static_cast<unsigned char>(c) >> 4U];
    out += digits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

TEST(Hkdf, IsThatOfRfc5869) {
  const std::string key(22, '\x0b');
  EXPECT_EQ(to_hex(hkdf_sha256(key, from_hex("000102030405060708090a0b0c"),
                               from_hex("f0f1f2f3f4f5f6f7f8f9"), 42)
                       .reveal()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
      << "test case 1";
  EXPECT_EQ(to_hex(hkdf_sha256(key, {}, {}, 42).reveal()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
      << "test case 3: neither salt nor info";
}

TEST(Hmac, IsThatOfRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
      << "test case 2";
}

TEST(Sha256, IsThatOfFips180) {
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// libsodium's own vectors of one lane; RFC 9106's has four lanes, which it does not offer.
// tests/integration/test_vault_format.py compares our parameters with another implementation,
// which is held to RFC 9106's.
TEST(Argon2id, IsThatOfLibsodiumsVectors) {
  const auto first = argon2id(
      from_hex(
          "4a857e2ee8aa9b6056f2424e84d24a72473378906ee04a46cb05311502d5250b82ad86b83c8f20a23d"
          "bb74f6da60b0b6ecffd67134d45946ac8ebfb3064294bc097d43ced68642bfb8bbbdd0f50b30118f5e"),
      from_hex("39d82eef32010b8b79cc5ba88ed539fb"), {3, 1'432'947}, 190);
  ASSERT_TRUE(first);
  EXPECT_EQ(to_hex(first->reveal()).substr(0, 128),
            "08d8cd330c57e1b4643241d05bb468ba4ee4e932cd0858816be9ef15360b27bb"
            "d06a87130ee92222be267a29b81f5ae8fe8613324cfc4832dc49387fd0602f1c");
  const auto second =
      argon2id(from_hex("b540beb016a5366524d4605156493f9874514a5aa58818cd0c6dfffaa9e90205f17b"),
               from_hex("44071f6d181561670bda728d43fb79b4"), {1, 1'631'659}, 231);
  ASSERT_TRUE(second);
  EXPECT_EQ(to_hex(second->reveal()).substr(0, 64),
            "7fb72409b0987f8190c3729710e98c3f80c5a8727d425fdcde7f3644d467fe97");
}

// Wycheproof's, of 256-bit keys.
TEST(KeyWrap, IsThatOfRfc5649) {
  struct Case {
    const char* rule;
    const char* wrapping;
    const char* key;
    const char* wrapped;
    bool valid;
  };
  constexpr const char* one = "1abf4b7fa2bb62a78f09ddab04625dcacdd9e551d1a69b6b162baa53d2700093";
  constexpr const char* two = "4f710eb6b5e28703becfc3dc52fa8bc1dd44a4a6d38a84b4f94e89ac32d987e7";
  constexpr const char* key = "a828cbda9b5ff0ae374f84fa01d070a5f0a17a0c462be4f1";
  const Case cases[] = {
      {"one byte (171)", one, "ae", "06c1e65ac0f385b4e8c400d229f39422", true},
      {"eight (178)", one, "e43f5e4e123a03c4", "3a6746052a1744cfe7e2f36dafc4042d", true},
      {"nine (179)", one, "1723eb9d000916996a", "db7e73da22219e1baac0f4e955c3db2b900b5d3078f94b59",
       true},
      {"fifteen (185)", one, "72aaee126a822184806c7d22eed66b",
       "de497acf18a177a3a9b3d8da46d74dfa58dcc537a3a95323", true},
      {"an altered start (210)", two, key,
       "8b011408049eab81cc185796b9636982c1ad28e940e5c35ab1219434c23e8c59", false},
      {"an altered length (214)", two, key,
       "7c19e66d21c0f1409ee6f03a36ab6ba532349e2567200b95d7f5012b2b7e5d33", false},
      {"altered padding (187)", two, "a828cbda9b5ff0ae37",
       "60107f4c60c04c987c7c5810130303bd83fbc35d924f4482", false},
      {"nothing", two, "", "", false},
      {"half a block", two, "", "60107f4c60c04c987c7c5810", false}};
  for (const Case& c : cases) {
    const auto unwrapped = unwrap_key(from_hex(c.wrapping), from_hex(c.wrapped));
    EXPECT_EQ(unwrapped.has_value(), c.valid) << c.rule;
    if (!c.valid) continue;
    EXPECT_EQ(to_hex(unwrapped->reveal()), c.key) << c.rule;
    EXPECT_EQ(to_hex(wrap_key(from_hex(c.wrapping), from_hex(c.key))), c.wrapped) << c.rule;
  }
}

TEST(Xaes, IsThatOfItsSpecification) {
  struct Case {
    const char* rule;
    char key_byte;
    const char* bound;
    const char* want;
  };
  const Case cases[] = {{"the key's subkey needs no reduction", '\1', "",
                         "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
                        {"it does, and something is bound", '\3', "c2sp.org/XAES-256-GCM",
                         "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"}};
  for (const Case& c : cases) {
    const std::string key(key_bytes, c.key_byte);
    const std::string nonce = "ABCDEFGHIJKLMNOPQRSTUVWX";
    const std::string sealed = xaes_encrypt(key, nonce, "XAES-256-GCM", c.bound);
    EXPECT_EQ(to_hex(sealed), c.want) << c.rule;
    const auto opened = xaes_decrypt(key, nonce, sealed, c.bound);
    ASSERT_TRUE(opened) << c.rule;
    EXPECT_EQ(opened->reveal(), "XAES-256-GCM") << c.rule;
    EXPECT_FALSE(xaes_decrypt(key, nonce, sealed, "something else")) << c.rule;
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      std::string altered = sealed;
      altered[i] = static_cast<char>(altered[i] ^ 1);
      EXPECT_FALSE(xaes_decrypt(key, nonce, altered, c.bound)) << c.rule << ": byte " << i;
    }
    EXPECT_FALSE(xaes_decrypt(key, nonce, sealed.substr(0, tag_bytes - 1), c.bound)) << c.rule;
  }
}

// Wycheproof's vectors keep the file compressed by zlib.
std::string inflated(std::string_view hex) {
  const std::string packed = from_hex(hex);
  std::string out(std::size_t{1} << 20U, '\0');
  std::size_t size = 0;
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  EXPECT_EQ(libdeflate_zlib_decompress(decompressor, packed.data(), packed.size(), out.data(),
                                       out.size(), &size),
            LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(decompressor);
  out.resize(size);
  return out;
}

TEST(Chunked, IsCobblestone256) {
  struct Case {
    const char* rule;
    const char* key;
    const char* context;
    const char* packed;
    int bytes;  // of the plain text; -1: it does not open
  };
  const std::string key = to_hex("YELLOW SUBMARINE YELLOW SUBMARIN");
  const std::string other = to_hex("ORANGE SUBMARINE ORANGE SUBMARIN");
  const std::string wrong = to_hex("wrong context");
  const Case cases[] = {
      {"an empty file (1)", key.c_str(), "",
       "78da004800b7ff43a2e39431cbae0389d3fc86adf46f7c3a24de88d9311617e53f3164cc1d5dc738a66b97f0bf"
       "786565c31799c2f463d50a7e10046011dc6fc3c939e3a5db7affb6191551669554fb010000ffff4bc124df",
       0},
      {"a short one (2)", key.c_str(), "",
       "78da004f00b0ffa1a1b56f6db58cd1ede0c5c9db62aef20d3f96a6c594bb9252bb38122de91236502b42a1d7fc"
       "ab820ffa292940d2f86add212cfa42c38df19d3cc9139ee61a5990d3db57433514229beea49a8a72bd010000ff"
       "ffdb4f2a44",
       7},
      {"a whole chunk and a byte (3)", key.c_str(), "",
       "78daecc0312b05010000e0ab33889449c9a0cb22b9ba89943f70a5fc02db1918582c6e757465a0db6eb11ad5a5"
       "2e1383b2dca26c66a4647b75f55ebdf733def27d4f7ff71fd7e9db7137b778b1558707cdd27cf270d4177b2f77"
       "51f738d80e376f9ed7aaaf7c793dfa0d47ef2797b3e57ed6bf3601000000000000000000000000000000307 "
       "50bc9"
       "613ffc6cafd232cb57ebd3b320de5d29cedbf876a7da18ff7fffcc4c020000ffffea552abb",
       16385},
      {"a whole chunk and an empty one (6)", key.c_str(), "",
       "78daecc0ad4a0301000060c560f019c49faca0ed821ea2588c62100541cc2746413841835a7c018b20076a325d"
       "d4032d8eb5856361db2d6d6c8b2b838ded3156beeff3fce3e4eb20e9fcf5aaedb07ffb589b1f657190fee7f16f"
       "763d3bdcf9ce8aabe5d74a145e5e1cdd6fad6c2c1ebead8d8b87c60c0000000000000000000000000000003075"
       "9bfb7bc7ade6dcfa69ba5abf7bff79d92e3d07e585a7ddbcbb743648a29b49000000ffff4eef2f3b",
       16384},
      {"its tag is cut off (16)", key.c_str(), "",
       "78dad270329c9ddec7ada418b04767c7923331ee2c87262f125d59a0c8be7373eb2fa924762df7ae29ded2bfa3"
       "4de6579c357a702440af45d1be6fae3c03200000ffff94c01721",
       -1},
      {"a head and nothing more (20)", key.c_str(), "",
       "78da003800c7ffe728f14e89526f8830991f461c0fd07601a246a0c94b753ba4fab29386d9e39e72d5e8955f70"
       "9651b6dedb825c64c984364f74e1b6ac93d6010000ffff198a1ded",
       -1},
      {"another commitment (21)", key.c_str(), "",
       "78da004900b6ffa7bf214ab87afe86ae30940aba6d25aa92d1c26a7c4de03ece1f5f63bd31ca5d9517ce97effb"
       "9ce62c4f01433335d070ca3de6243f4cb67a00a4deb622c6b80140d1c88f54ade32fdc010000ffff59a52514",
       -1},
      {"another key (22)", other.c_str(), "",
       "78da004900b6ffabeb3f4f4a3ea1f1f76bc25808b37063d4cb21425ca6a8b16271ed22f6a3f51ec7e7fa4dcef1"
       "96179d3c77b5b42103766ae1975bae6ae0690079aa245e53811c13d45a553b0365b499010000ffffa0d324a1",
       -1},
      {"another context (25)", key.c_str(), wrong.c_str(),
       "78da004900b6ff36201844cafc0e596bec8782c560b7b1d065b90a94d227007f07a7185f0c1f449310232a0ff1"
       "d5667ece42aff4e7c0359df78ece43b312d50034c80236b5c7900f7eebe540d242b8eb010000ffffc64f22fe",
       -1},
      {"no bytes at all (27)", key.c_str(), "", "78da010000ffff00000001", -1},
      {"half a head (29)", key.c_str(), "",
       "78daba5fd8e42bfa7eee2a73b7044f1311beda6b4b2fb2b9e6f21f945dd469be9d83bdfd56d5ecc74dcbee6601"
       "020000ffff65f21245",
       -1},
      {"the last chunk is missing (31)", key.c_str(), "",
       "78daecc0a17281010000e0ed05f6005bd8edb6b6b2956db7b2b6853581843b89eaee0fff398993088222f93d80"
       "42f0272fa0090402f5578838e73194efdb546ebb0fe7f1f772300c82bfb7ed7ba691faa9dd3ff6abedf8181"
       "64abf51b957ff9f4df7f364158f16e9fccbd35df6949bdc0000000000000000000000000000000057f7997c1cc2"
       "d7a8b34e76cf5fc556f3120000ffffbcaa2611",
       -1}};
  for (const Case& c : cases) {
    std::string hex = c.packed;
    std::erase(hex, ' ');
    const std::string sealed = inflated(hex);
    const auto plain = chunked_decrypt(from_hex(c.key), from_hex(c.context), sealed);
    ASSERT_EQ(plain.has_value(), c.bytes >= 0) << c.rule;
    if (!plain) continue;
    EXPECT_EQ(plain->size(), static_cast<std::size_t>(c.bytes)) << c.rule;
    EXPECT_EQ(chunked_encrypt(from_hex(c.key), sealed.substr(0, nonce_bytes), from_hex(c.context),
                              *plain),
              sealed)
        << c.rule << ": the same plain text gives the same file";
  }
}

// Sanitizers answer mlock themselves, and lock nothing.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

TEST(LockedBytes, AreLockedWhileTheyLiveAndLeftOutOfCoreDumps) {
  const auto locked_kib = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmLck:")) return std::stol(line.substr(6));
    return -1L;
  };
  const long before = locked_kib();
  {
    LockedBytes first(std::string_view("a key"));
    LockedBytes second = std::move(first);
    EXPECT_EQ(second.reveal(), "a key");
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that it is, is the promise
    if (LockedBytes::all_locked() && !sanitized) EXPECT_GE(locked_kib(), before + 4);
    second = LockedBytes(std::string_view("another"));
    EXPECT_EQ(second.reveal(), "another");
    second.shrink(3);
    EXPECT_EQ(second.reveal(), "ano");
    std::ifstream maps("/proc/self/smaps");
    const auto at = reinterpret_cast<std::uintptr_t>(second.data());
    bool found = false, within = false;
    for (std::string line; std::getline(maps, line);) {
      std::uintptr_t begin = 0, end = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
        within = begin <= at && at < end;
      if (within && line.starts_with("VmFlags:"))
        found = line.find(" dd") != std::string::npos;  // MADV_DONTDUMP
    }
    EXPECT_TRUE(found);
  }
  EXPECT_EQ(locked_kib(), before);
}

TEST(Constructions, WhatDoesNotOpenLeavesNoErrorBehind) {
  const std::string key(key_bytes, 'k'), nonce(nonce_bytes, 'n');
  ERR_clear_error();
  EXPECT_FALSE(unwrap_key(key, std::string(40, 'x')));
  EXPECT_EQ(ERR_peek_error(), 0U);
  EXPECT_FALSE(xaes_decrypt(key, nonce, std::string(32, 'x'), ""));
  EXPECT_EQ(ERR_peek_error(), 0U);
}
}  // namespace
}  // namespace holdfast::vault::sealed
