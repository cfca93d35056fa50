#include "gateway/cache_step.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::gateway {
namespace {

// The value of one of the header lines of an answer; empty: it has none.
std::string header_of(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    if (line.size() > name.size() && line.starts_with(name) && line.substr(name.size(), 2) == ": ")
      return std::string(line.substr(name.size() + 2));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
  }
  return {};
}

// What beside the question decides who answers it.
std::vector<std::string> route_of(const routing::Model& model, const net::RequestHead& head) {
  std::vector<std::string> out = {model.name};
  std::vector<std::string> names;
  for (const routing::Node& node : model.route.nodes) {
    if (!node.header.empty()) names.push_back(node.header);
    if (node.when) node.when->add_headers(names);
  }
  for (const std::string& name : names) {
    out.push_back(name);
    out.emplace_back(head.headers.find(name).value_or(""));
  }
  return out;
}

}  // namespace

void CacheStep::count(observe::CacheUse use) {
  state_.parts.counters.cache[static_cast<std::size_t>(use)].add();
}

std::optional<Refusal> CacheStep::look() {
  if (state_.model == nullptr || !state_.model->cache || state_.parts.cache == nullptr)
    return std::nullopt;
  const net::RequestHead& head = state_.exchange.head();
  const CacheControl control = read_cache_control(head.headers.find("cache-control").value_or(""));
  // A reload begins anew: what was answered under another configuration counts for nothing.
  if (!control.no_store)
    key_ = cache_key(state_.incoming, state_.key_name, head.query(), state_.snapshot->generation,
                     route_of(*state_.model, head));
  const MonoTime now = state_.parts.clock.now();
  if (key_ && !control.no_cache) kept_ = state_.parts.cache->find(*key_, now);
  if (kept_ && control.max_age && now - kept_->stored > *control.max_age) kept_ = nullptr;
  if (kept_) {
    count(observe::CacheUse::hit);
    return std::nullopt;
  }
  if (control.only_if_cached)
    return refuse(504, "no answer to this request is kept, and Cache-Control wants no other",
                  error_type(504), "not_cached");
  count(control.no_cache || !key_ ? observe::CacheUse::bypass : observe::CacheUse::miss);
  if (key_) state_.exchange.keep_copy(state_.model->cache_max_answer);
  return std::nullopt;
}

Task<void> CacheStep::answer() {
  net::AnswerHeaders headers = state_.common_headers();
  headers.add("content-type", kept_->content_type);
  if (!kept_->provider.empty()) {
    headers.add("x-holdfast-provider", kept_->provider);
    headers.add("x-holdfast-model", kept_->model);
  }
  headers.add("x-holdfast-attempts", "0");
  headers.add("x-holdfast-cache", "hit");
  if (!state_.degraded.empty()) headers.add("x-holdfast-degraded", state_.degraded);
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(state_.parts.clock.now() - kept_->stored);
  headers.add("age", fmt::format_int(age.count()).c_str());
  state_.answered_status = 200;
  Result<void> sent;
  if (kept_->stream) {
    headers.add("cache-control", "no-cache");
    state_.exchange.begin(200, headers);
    sent = co_await state_.exchange.end(kept_->body);
  } else {
    sent = co_await state_.exchange.answer(200, headers, kept_->body);
  }
  (void)sent;  // a client that has left misses nothing
}

void CacheStep::remember() {
  if (!key_ || state_.broken || state_.answered_status != 200) return;
  if (state_.broke_off) return;  // put together of several: good enough once
  auto copy = state_.exchange.take_copy();
  if (!copy) return;
  // What was lost for want of a better target is not what the next one should get.
  if (!header_of(copy->headers, "x-holdfast-dropped").empty()) return;
  auto answer = std::make_shared<CachedAnswer>();
  answer->content_type = header_of(copy->headers, "content-type");
  answer->provider = header_of(copy->headers, "x-holdfast-provider");
  answer->model = header_of(copy->headers, "x-holdfast-model");
  answer->body = std::move(copy->body);
  answer->stream = state_.incoming.stream;
  answer->stored = state_.parts.clock.now();
  answer->expires = answer->stored + state_.model->cache_ttl;
  state_.parts.cache->put(*key_, std::move(answer));
  count(observe::CacheUse::stored);
}

}  // namespace holdfast::gateway
