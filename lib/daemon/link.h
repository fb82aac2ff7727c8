/* SPDX-License-Identifier: BSL-1.0 */
/* A link of lib/link on a connection of lib/uv. Daemons attach one in on_open, pull its events in
 * on_events, free it in on_end:
 *
 *     int error = simc__link_attach(connection, &settings, owner, &link);
 *
 * Bytes that are received are wiped by the adapter, those that are sent by the link. */
#ifndef SIMC__DAEMON_LINK_H
#define SIMC__DAEMON_LINK_H

#include "link/link.h"
#include "simulcrypt/uv.h"

/** A link as a protocol object; the object is the link. */
extern const struct simc_uv_protocol simc__link_protocol;

/** Makes a link and attaches it to a connection, in on_open. The link is the caller's.
 *  @param owner see simc_uv_connection_owner(). @return as simc__link_new(). */
int simc__link_attach(struct simc_uv_connection *connection,
                      const struct simc__link_settings *settings, void *owner,
                      struct simc__link **link) SIMC_MUST_CHECK;

/** The link that was attached to a connection. */
struct simc__link *simc__link_of(const struct simc_uv_connection *connection);

#endif
