#pragma once

#include <optional>

#include "agent/link/link.h"
#include "muster/session/v1/session.pb.h"

// Between the link's values and the messages of a session. Pure.
namespace muster::agent {

session::v1::FromAgent HelloMessage(const LinkHello& hello);

// Takes the message apart. nullopt: a message that this version does not know.
std::optional<LinkEvent> EventFrom(session::v1::ToAgent message);

}  // namespace muster::agent
