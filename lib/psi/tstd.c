/* SPDX-License-Identifier: BSL-1.0 */
/* The system target decoder as fluid in three buffers: it moves from event to event (a packet has
 * left TB, an access unit is decoded) and between them all flows are constant. See tstd.h for who
 * calls it. [13818 2.4.2.3] */
#include <string.h>

#include "psi/tstd.h"

/* Clocks are exact to 500 ns, which is a few bytes at the rates of video; and sums are rounded. */
static const double slack_bytes = 4;
/* The time in which TB and MB must be empty once. [101290 3.9] */
static const double full_limit_27mhz = 27000000;
/* Time stamps count in 11 us, PCRs may be 0.5 us off. */
static const double slack_27mhz = 2700;
static const double packet_bytes = 188;

static double per_tick(uint64_t bps)
{
    return (double)bps / 8 / 27000000;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

void simc__std_start(struct simc__std *std, enum simc__std_kind kind,
                     const struct simc__std_sizes *sizes, uint64_t now_27mhz)
{
    memset(std, 0, offsetof(struct simc__std, units));
    std->kind = kind;
    std->sizes = *sizes;
    std->running = true;
    std->now_27mhz = std->transport_27mhz = (double)now_27mhz;
    std->transport_empty_27mhz = std->multiplex_empty_27mhz = (double)now_27mhz;
    std->arriving_27mhz = std->earliest_27mhz = std->late_27mhz = SIMC__STD_ANY_TIME;
}

static void report(struct simc__std_faults *faults, enum simc__std_fault fault, double value)
{
    faults->set |= 1u << fault;
    faults->values[fault] = (int64_t)value;
}

/* An overflow is one fault, however many packets it lasts. */
static void judge_level(bool *over, double bytes, double size, struct simc__std_faults *faults,
                        enum simc__std_fault fault)
{
    bool is_over = bytes > size + slack_bytes;
    if (is_over && !*over)
        report(faults, fault, bytes);
    *over = is_over;
}

static void judge_full(double *empty_27mhz, double now, struct simc__std_faults *faults,
                       enum simc__std_fault fault)
{
    if (now - *empty_27mhz <= full_limit_27mhz)
        return;
    report(faults, fault, now - *empty_27mhz);
    *empty_27mhz = now; /* and once more for each second that it lasts */
}

/* What is due leaves as soon as it is there. */
static void decode(struct simc__std *std)
{
    std->gone = larger(std->gone, smaller(std->gone_to, std->entered));
    std->elementary = std->entered - std->gone;
    std->elementary_max = larger(std->elementary_max, std->elementary);
}

/* From MB to EB at the leak rate, as long as there is room; and out of Bsys. */
static void flow(struct simc__std *std, double to_27mhz)
{
    double ticks = to_27mhz - std->now_27mhz;
    if (ticks <= 0)
        return;
    double amount = ticks * per_tick(std->sizes.leak_bps);
    if (std->kind == SIMC__STD_TABLES) {
        std->elementary = larger(0, std->elementary - amount);
    } else if (std->kind == SIMC__STD_VIDEO) {
        /* What is due already passes through EB without staying. */
        double passing = larger(0, std->gone_to - std->entered);
        double room = larger(0, std->sizes.elementary - std->elementary) + passing;
        if (amount >= std->multiplex && room >= std->multiplex)
            std->multiplex_empty_27mhz = to_27mhz;
        amount = smaller(amount, smaller(room, std->multiplex));
        std->multiplex -= amount;
        std->entered += amount;
        decode(std);
    }
    std->now_27mhz = to_27mhz;
}

/* Lets time pass: units are decoded on the way. */
static void advance(struct simc__std *std, double to_27mhz)
{
    while (std->unit_count) {
        const struct simc__std_unit *unit = &std->units[std->unit_first];
        if ((double)unit->due_27mhz > to_27mhz)
            break;
        flow(std, (double)unit->due_27mhz);
        /* Of a unit that still arrives, the bytes to come leave as they come. */
        std->gone_to = unit->end == UINT64_MAX ? 1e18 : (double)unit->end;
        decode(std);
        if (unit->end == UINT64_MAX)
            break;
        std->unit_first = (std->unit_first + 1) % SIMC__STD_UNITS_MAX;
        std->unit_count--;
    }
    flow(std, to_27mhz);
}

/* Makes room for a unit: the oldest is taken for decoded when there are more than anybody keeps. */
static void drop_oldest(struct simc__std *std)
{
    std->gone_to = larger(std->gone_to, (double)std->units[std->unit_first].end);
    std->unit_first = (std->unit_first + 1) % SIMC__STD_UNITS_MAX;
    std->unit_count--;
    decode(std);
}

void simc__std_unit(struct simc__std *std, unsigned offset, uint64_t due_27mhz, bool judge)
{
    uint64_t start = std->taken + offset;
    if (std->unit_count) {
        unsigned last = (std->unit_first + std->unit_count - 1) % SIMC__STD_UNITS_MAX;
        struct simc__std_unit *before = &std->units[last];
        before->end = start;
        std->gone_to = smaller(std->gone_to, (double)start);
        if (due_27mhz < before->due_27mhz)
            due_27mhz = before->due_27mhz; /* decoding goes in the order of the stream */
    }
    if (std->unit_count == SIMC__STD_UNITS_MAX)
        drop_oldest(std);
    std->units[(std->unit_first + std->unit_count++) % SIMC__STD_UNITS_MAX] =
        (struct simc__std_unit){due_27mhz, UINT64_MAX};
    std->unit_total++;
    /* Of all that has bytes in the packet, what is decoded first decides whether they are late. */
    if (!std->begins && offset)
        std->earliest_27mhz = std->arriving_27mhz;
    std->begins = true;
    std->arriving_27mhz = judge ? due_27mhz : SIMC__STD_ANY_TIME;
    if (std->arriving_27mhz < std->earliest_27mhz)
        std->earliest_27mhz = std->arriving_27mhz;
}

void simc__std_forgive(struct simc__std *std)
{
    std->arriving_27mhz = std->earliest_27mhz = SIMC__STD_ANY_TIME;
}

/* TB drains between packets and while one comes. @return when the packet has left it. */
static double pass_transport(struct simc__std *std, double start, double end,
                             struct simc__std_faults *faults)
{
    double rate = per_tick(std->sizes.transport_bps);
    double drained = (start - std->transport_27mhz) * rate;
    if (drained >= std->transport)
        std->transport_empty_27mhz = start;
    std->transport = larger(0, std->transport - drained);
    judge_full(&std->transport_empty_27mhz, start, faults, SIMC__STD_TRANSPORT_FULL);
    std->transport += packet_bytes - (end - start) * rate;
    if (std->transport <= 0) {
        std->transport = 0;
        std->transport_empty_27mhz = end;
    }
    std->transport_27mhz = end;
    std->transport_max = larger(std->transport_max, std->transport);
    judge_level(&std->transport_over, std->transport, SIMC__STD_TRANSPORT, faults,
                SIMC__STD_TRANSPORT_OVER);
    if (std->transport > SIMC__STD_TRANSPORT)
        std->transport = SIMC__STD_TRANSPORT; /* what overflows is lost */
    return end + std->transport / rate;
}

static void judge_lateness(struct simc__std *std, double complete, struct simc__std_faults *faults)
{
    uint64_t due = std->begins ? std->earliest_27mhz : std->arriving_27mhz;
    std->begins = false;
    std->earliest_27mhz = SIMC__STD_ANY_TIME;
    if (due == SIMC__STD_ANY_TIME || due == std->late_27mhz ||
        complete <= (double)due + slack_27mhz)
        return;
    std->late_27mhz = due;
    report(faults, SIMC__STD_UNDERFLOW, complete - (double)due);
}

/* The bytes have entered MB: when will the last of them be in EB? */
static void pass_multiplex(struct simc__std *std, double now, struct simc__std_faults *faults)
{
    judge_full(&std->multiplex_empty_27mhz, now, faults, SIMC__STD_MULTIPLEX_FULL);
    std->multiplex = (double)std->taken - std->entered;
    std->multiplex_max = larger(std->multiplex_max, std->multiplex);
    judge_level(&std->multiplex_over, std->multiplex, std->sizes.multiplex, faults,
                SIMC__STD_MULTIPLEX_OVER);
    if (std->multiplex > std->sizes.multiplex) {
        /* What overflows is lost; that its room in EB is taken all the same harms nobody. */
        std->entered += std->multiplex - std->sizes.multiplex;
        std->multiplex = std->sizes.multiplex;
        decode(std);
    }
    /* Behind a full EB they wait for decoding, not decoding for them. */
    bool waits = std->multiplex > std->sizes.elementary - std->elementary;
    double complete = now + std->multiplex / per_tick(std->sizes.leak_bps);
    judge_lateness(std, waits ? 0 : complete, faults);
}

void simc__std_packet(struct simc__std *std, uint64_t start_27mhz, uint64_t end_27mhz,
                      unsigned bytes, struct simc__std_faults *faults)
{
    faults->set = 0;
    double now = pass_transport(std, (double)start_27mhz, (double)end_27mhz, faults);
    advance(std, now);
    std->taken += bytes;
    std->packets++;
    if (std->kind == SIMC__STD_VIDEO) {
        pass_multiplex(std, now, faults);
    } else if (std->kind == SIMC__STD_AUDIO) {
        std->entered = (double)std->taken;
        decode(std);
        judge_lateness(std, now, faults);
    } else {
        std->elementary += bytes;
    }
    std->elementary_max = larger(std->elementary_max, std->elementary);
    if (std->kind != SIMC__STD_VIDEO)
        judge_level(&std->elementary_over, std->elementary, std->sizes.elementary, faults,
                    SIMC__STD_ELEMENTARY_OVER);
}
