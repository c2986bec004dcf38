#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>

#include "agent/probe/prober.h"

namespace muster::agent {

// Begin one attempt on the thread that runs `io`, where `done` is called at the end. They keep
// themselves alive for as long as they take.
void BeginHttpAttempt(boost::asio::io_context& io, boost::asio::ssl::context& tls,
                      const HttpCall& call, Duration timeout, Prober::Done done);
void BeginTcpAttempt(boost::asio::io_context& io, const TcpCall& call, Duration timeout,
                     Prober::Done done);

}  // namespace muster::agent
