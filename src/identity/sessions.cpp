#include "identity/sessions.h"

#include <algorithm>

#include "base/random.h"
#include "vault/sealed/constructions.h"

namespace holdfast::identity {
namespace {
constexpr std::size_t random_part = 32;  // bytes
}

Sessions::Opened Sessions::open(const std::string& person, MonoTime now) {
  make_room(person);
  Opened out{secret_token(random_part), secret_token(random_part)};
  sessions_.insert_or_assign(vault::sealed::sha256(out.id), Session{person, out.csrf, now, now});
  return out;
}

const Sessions::Session* Sessions::use(std::string_view id, const SessionTimes& times,
                                       MonoTime now) {
  const auto found = sessions_.find(vault::sealed::sha256(id));
  if (found == sessions_.end()) return nullptr;
  Session& session = found->second;
  if (now - session.used >= times.idle || now - session.opened >= times.whole) {
    sessions_.erase(found);
    return nullptr;
  }
  session.used = now;
  return &session;
}

void Sessions::end(std::string_view id) { sessions_.erase(vault::sealed::sha256(id)); }

std::size_t Sessions::end_all(std::string_view person) {
  return std::erase_if(sessions_, [&](const auto& one) { return one.second.person == person; });
}

std::size_t Sessions::count(std::string_view person) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      sessions_, [&](const auto& one) { return one.second.person == person; }));
}

// Ends those that were used longest ago.
void Sessions::make_room(std::string_view person) {
  const auto end_oldest = [this](auto counts) {
    auto oldest = sessions_.end();
    for (auto one = sessions_.begin(); one != sessions_.end(); ++one)
      if (counts(one->second) &&
          (oldest == sessions_.end() || one->second.used < oldest->second.used))
        oldest = one;
    if (oldest != sessions_.end()) sessions_.erase(oldest);
  };
  if (count(person) >= limits::sessions_per_person)
    end_oldest([&](const Session& one) { return one.person == person; });
  if (sessions_.size() >= limits::sessions) end_oldest([](const Session&) { return true; });
}

}  // namespace holdfast::identity
