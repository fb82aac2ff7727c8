/* SPDX-License-Identifier: BSL-1.0 */
/* Where log lines go: a terminal, the journal of systemd, or lines of JSON for a collector. Every
 * program makes its log here. */
#ifndef SIMC__SYS_LOG_SINK_H
#define SIMC__SYS_LOG_SINK_H

#include "simulcrypt/base.h"

enum simc__log_sink_kind {
    SIMC__LOG_SINK_TERMINAL, /* for people, with colours */
    SIMC__LOG_SINK_PLAIN,    /* for people, without */
    SIMC__LOG_SINK_JOURNAL,  /* priority prefix "<4>", no time: the journal has its own */
    SIMC__LOG_SINK_JSON,     /* one JSON object per line */
};

struct simc__log_sink {
    struct simc_log log; /* hand this one to the libraries */
    enum simc__log_sink_kind kind;
    int fd;
    uint64_t lost_count; /* lines that could not be written, or not whole */
    bool torn;           /* the last line was written in part: it still needs its end */
};

/** The kind that fits a file descriptor: a terminal, the journal (JOURNAL_STREAM), else JSON. */
enum simc__log_sink_kind simc__log_sink_kind_of(int fd);
/** Fills a sink in the caller's storage; it must not move afterwards. */
void simc__log_sink_init(struct simc__log_sink *sink, int fd, enum simc__log_sink_kind kind,
                         enum simc_log_level level);

#endif
