// A target of a request with the form in which it would be asked.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "gateway/answers.h"
#include "gateway/incoming.h"
#include "routing/snapshot.h"

namespace holdfast::gateway {

struct Candidate {
  const routing::Target* target = nullptr;
  std::uint16_t index = 0;                      // in the table of health
  std::size_t position = 0;                     // in the model's targets
  bool passes = false;                          // the client's bytes go on in its own dialect
  std::vector<dialect::Loss> losses;            // what it cannot express of the request
  std::optional<dialect::WireRequest> written;  // as it is asked; taken by the first attempt
  // The key of the next attempt, where the provider has several (key_choice.h); null: it has not.
  const routing::Credential* key = nullptr;
  std::uint32_t keys_tried = 0;  // bits by their place
  bool loses() const;            // something that is not harmless
  // The fields that were lost, for x-holdfast-dropped; `of_answer`: that of the answer, or empty.
  std::string dropped(std::string_view of_answer) const;
};

// `target` in the form in which it would be asked.
//   lossy    what it cannot express may be dropped
//   errors   it cannot serve the request: a refusal that names the field and the target
std::expected<Candidate, Refusal> candidate_of(const routing::Target& target, std::uint16_t index,
                                               std::size_t position, bool lossy,
                                               Incoming& incoming);

// The targets of `model` that can serve the request, in the order of the configuration.
//   errors   none can: a refusal that names the field and the target
std::expected<std::vector<Candidate>, Refusal> candidates(const routing::Model& model,
                                                          Incoming& incoming);

// Has a candidate that was asked to go on from a response by its id told the whole conversation
// instead. False: it cannot be, without a loss that `model` does not allow.
bool tell_whole(Candidate& candidate, const routing::Model& model, Incoming& incoming);

// The request as it is written for a target of another dialect (or with overrides).
//   errors   invalid_request: cannot be said at all; configuration: it serves nothing of the kind
Result<dialect::WireRequest> write_for(const routing::Target& target, Incoming& incoming,
                                       std::vector<dialect::Loss>& losses);

}  // namespace holdfast::gateway
