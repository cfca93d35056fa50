#include "gateway/continuation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "dialect/estimate.h"
#include "dialect/json_document.h"
#include "dialect/openai_responses/codec.h"

namespace holdfast::gateway {
namespace {

using dialect::Block;
using dialect::BlockKind;
using dialect::Format;
using dialect::Message;
using dialect::Request;
using dialect::Role;

// A model begins no answer with a space, nor in the middle of a word. So it is told to begin with
// words that the client has: the seam leaves them out, and what is between them and the rest is as
// it should be.
constexpr std::string_view instruction =
    "Your answer was cut off in the middle. Write the rest of it. Begin by copying its last words "
    "exactly, then go straight on to its end. Say nothing about this, and do not start over. Its "
    "last words, between the marks: <<<{}>>>";

std::string told_to_go_on(std::string_view told) {
  return fmt::format(instruction, last_words(without_blank_end(told), Seam::asked_bytes));
}

constexpr std::int64_t least_tokens = 32;  // to be asked for, if the client asked for as many

// The request as it is asked of the target that goes on; the client's again when this ends.
class Begun {
 public:
  Begun(Request& request, std::string_view told, bool exact)
      : request_(request), messages_(request.messages.size()), max_tokens_(request.max_tokens) {
    const std::string_view said = without_blank_end(told);
    if (request.goes_on()) {
      last_ = request.messages.back();  // the client's own beginning, which `told` goes on with
      Message& message = request.messages.back();
      if (message.content.empty() || message.content.back().kind != BlockKind::text)
        message.content.emplace_back();
      Block& end = message.content.back();
      end.text = request.arena.keep(std::string(end.text).append(said));
    } else {
      add(Role::assistant, request.arena.keep(std::string(said)));  // what is written refers to it
    }
    if (!exact) add(Role::user, request.arena.keep(told_to_go_on(told)));
    request.begun = exact;
    if (max_tokens_)  // what is thought is counted among them, and the last words come again
      request.max_tokens = std::min(
          *max_tokens_,
          std::max<std::int64_t>(request.reasoning.budget_tokens.value_or(0) + least_tokens,
                                 *max_tokens_ - dialect::estimate_text_tokens(told)));
  }
  ~Begun() {
    request_.messages.resize(messages_);
    if (last_) request_.messages.back() = std::move(*last_);
    request_.begun = false;
    request_.max_tokens = max_tokens_;
  }
  Begun(const Begun&) = delete;
  Begun& operator=(const Begun&) = delete;

 private:
  void add(Role role, std::string_view text) {
    Message& message = request_.messages.emplace_back();
    message.role = role;
    message.content.emplace_back().text = text;
  }

  Request& request_;
  std::size_t messages_;
  std::optional<std::int64_t> max_tokens_;
  std::optional<Message> last_;
};

bool loses(std::span<const dialect::Loss> losses) {
  return std::ranges::any_of(losses, [](const dialect::Loss& loss) { return !loss.harmless; });
}

// Models that think first refuse to go on from a text without their thoughts.
bool thinks(const Request& request) {
  const dialect::Reasoning& asked = request.reasoning;
  const bool own =
      std::ranges::find(request.extras, "thinking", &dialect::Extra::name) != request.extras.end();
  const bool unasked =
      asked.off || asked.effort == dialect::Effort::none ||
      (asked.effort == dialect::Effort::unset && !asked.budget_tokens && !asked.as_it_likes());
  return own || !unasked;
}

// Whether the answer is text and thoughts, and nothing beside them that another would have to add.
bool is_plain(const Request& request) {
  constexpr std::array<std::string_view, 3> more = {"modalities", "web_search_options",
                                                    "generationConfig.responseModalities"};
  // JSON that is asked for begins anew where decoding is held to a schema, and is held to none
  // where it is not: no second half can be relied on to fit the first.
  if (request.format.kind == Format::Kind::json_object ||
      request.format.kind == Format::Kind::json_schema)
    return false;
  const auto adds = [&more](const dialect::Extra& extra) {
    return !extra.harmless && std::ranges::find(more, extra.name) != more.end();
  };
  return request.n.value_or(1) == 1 && !request.logprobs.value_or(false) &&
         request.top_logprobs.value_or(0) == 0 && std::ranges::none_of(request.extras, adds) &&
         std::ranges::none_of(request.tools,
                              [](const dialect::Tool& tool) { return tool.native.has_value(); });
}

// A response that its provider keeps is known there by its own ids, which only its own bytes have.
bool kept_by_provider(const Incoming& incoming, std::span<const Candidate> candidates) {
  if (incoming.front.dialect != dialect::Dialect::openai_responses) return false;
  if (std::ranges::none_of(candidates, &Candidate::passes)) return false;
  dialect::JsonDocument document;
  return !document.parse(incoming.body) ||
         dialect::openai_responses::read_state(document.root()).store.value_or(true);
}

}  // namespace

bool may_continue(const routing::Model& model, Incoming& incoming,
                  std::span<const Candidate> candidates) {
  if (!model.continues || !incoming.stream || candidates.size() < 2 ||
      incoming.front.operation != Operation::generate || !read_canonical_form(incoming))
    return false;
  return is_plain(*incoming.canonical) && !kept_by_provider(incoming, candidates);
}

Result<Continuation> write_continuation(const routing::Model& model, const routing::Target& target,
                                        Incoming& incoming, std::string_view told) {
  Request& request = *incoming.canonical;
  const bool again = target.provider->adapter->says_beginnings_again();
  // What the client itself has begun would come again too, and is not known at the seam.
  if (!thinks(request) && !(again && request.goes_on())) {
    const Begun begun(request, told, true);
    std::vector<dialect::Loss> losses;
    auto written = write_for(target, incoming, losses);
    if (written && !loses(losses))
      return Continuation{std::move(*written), again ? Asking::repeated : Asking::prefill};
  }
  const Begun begun(request, told, false);
  std::vector<dialect::Loss> losses;
  auto written = write_for(target, incoming, losses);
  if (!written) return std::unexpected(std::move(written).error());
  if (loses(losses) && !model.lossy)
    return fail(ErrorCode::invalid_request, losses.front().field + ": cannot be expressed");
  return Continuation{std::move(*written), Asking::told};
}

}  // namespace holdfast::gateway
