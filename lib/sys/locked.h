/* SPDX-License-Identifier: BSL-1.0 */
/* A pool of equal slots for secrets in memory that is locked (never swapped), left out of core
 * dumps, and fenced by unreadable pages. Key stores and ciphers take their keys' memory here. */
#ifndef SIMC__SYS_LOCKED_H
#define SIMC__SYS_LOCKED_H

#include "simulcrypt/base.h"

struct simc__locked_pool;

/** Makes a pool. @param slot_size 1..4096 bytes, rounded up to 16. @param slot_count 1..2^20: the
 *  ceiling. @return NULL: no memory, or a size out of range. */
struct simc__locked_pool *simc__locked_pool_new(size_t slot_size, size_t slot_count);
/** Wipes and releases everything; slots still taken become invalid. NULL is fine. */
void simc__locked_pool_free(struct simc__locked_pool *pool);
/** False when the system refused to lock the memory (RLIMIT_MEMLOCK): the secrets may reach swap.
 *  The program decides whether to warn or to stop. */
bool simc__locked_pool_is_locked(const struct simc__locked_pool *pool);
/** Takes a zeroed slot. @return NULL when all are taken. */
void *simc__locked_take(struct simc__locked_pool *pool) SIMC_MUST_CHECK;
/** Wipes a slot and gives it back; NULL is fine. A pointer that is no taken slot ends the process:
 *  a double release of key memory must not go on. */
void simc__locked_give(struct simc__locked_pool *pool, void *slot);

#endif
