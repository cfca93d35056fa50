#include "cli/version.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <boost/json.hpp>
#include <boost/version.hpp>

namespace holdfast::cli {
std::string version_text(bool json) {
  const std::string boost = fmt::format("{}.{}.{}", BOOST_VERSION / 100'000,
                                        BOOST_VERSION / 100 % 1'000, BOOST_VERSION % 100);
  const std::string compiler =
      fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
  const std::string openssl = OpenSSL_version(OPENSSL_VERSION_STRING);
  if (!json)
    return fmt::format("holdfast {} ({}, Boost {}, OpenSSL {})\n", HF_VERSION, compiler, boost,
                       openssl);
  const boost::json::object result = {{"name", "holdfast"},
                                      {"version", HF_VERSION},
                                      {"compiler", compiler},
                                      {"boost", boost},
                                      {"openssl", openssl}};
  return boost::json::serialize(result) + "\n";
}
}  // namespace holdfast::cli
