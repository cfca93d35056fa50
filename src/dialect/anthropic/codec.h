// Anthropic's Messages API, both ways, in its two versions. Facts: the vendor's published types and
// documentation, read in November 2026.
#pragma once
#include <optional>
#include <span>

#include "dialect/codec.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::anthropic {

// The one codec; lives as long as the process.
const dialect::Codec& codec();

// Whether `model`, as Anthropic, Bedrock or Vertex name it, takes an assistant's last message as
// the beginning of its answer: Claude up to 4.5 does, later ones refuse it.
bool goes_on_with_answers(std::string_view model);

// --- API versions (the header anthropic-version)

inline constexpr std::string_view version_2023 = "2023-06-01";
inline constexpr std::string_view version_2026 = "2026-10-21";
// What requests that are written here are sent under: it takes all that they may contain.
inline constexpr std::string_view written_version = version_2023;

// What the body of a call to Messages or count_tokens may not say under `version`. Nothing: fine.
// An empty or unknown version is a problem of its own (its field is the header's name).
std::optional<RequestProblem> check_version(std::string_view version, JsonValue root);

// --- Hosts of the same API with another envelope (Bedrock's invoke, Vertex' rawPredict)

struct Hosting {
  bool in_body = true;                      // model and stream; else the path says them
  std::string_view anthropic_version = {};  // a member of the body; empty: none
};
// As Codec::write_request; its path is "/v1/messages", below a base URL without /v1.
Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses,
                                  const Hosting& hosting);

// --- /v1/messages/count_tokens

// A request without max_tokens and what only concerns the answer.
std::expected<Request, RequestProblem> read_count_request(std::string_view body);
Result<WireRequest> write_count_request(const Request& request, std::string_view model,
                                        const Abilities& abilities, std::vector<Loss>& losses);
std::string write_count_answer(std::int64_t tokens_in);
//   errors   malformed_response
Result<std::int64_t> read_count_answer(std::string_view body);

// --- /v1/models

struct ModelEntry {
  std::string_view id;
  std::string_view display_name;       // empty: the id
  std::int64_t created_s = 0;          // Unix time; 0: not known, shown as the epoch
  std::int64_t max_input_tokens = 0;   // 0: not known
  std::int64_t max_output_tokens = 0;  // 0: not known
};
// What of a list the client asked for; at most one of the ids is set.
struct Page {
  std::size_t limit = 20;  // 1..1000
  std::string_view after_id, before_id;
};
// Reads the query's values, empty where absent.
std::expected<Page, RequestProblem> read_page(std::string_view limit, std::string_view after_id,
                                              std::string_view before_id);
std::string write_models(std::span<const ModelEntry> models, const Page& page);
std::string write_model(const ModelEntry& model);

// --- Errors

// The status with which an Anthropic client expects this failure: 529 for overload, 402 for
// billing, 504 for time-outs; otherwise the report's own.
int error_status(const ErrorReport& report);

}  // namespace holdfast::dialect::anthropic
