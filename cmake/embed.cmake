# Writes INPUT as a C++ source that defines `std::string_view NAMESPACE::FUNCTION()` (see hf_embed).
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <string_view>
namespace ${NAMESPACE} {
std::string_view ${FUNCTION}();
namespace {
constexpr char embedded_bytes[] = {${bytes}};
}
std::string_view ${FUNCTION}() { return {embedded_bytes, sizeof embedded_bytes}; }
}  // namespace ${NAMESPACE}
")
