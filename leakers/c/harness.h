/* What every leaker needs and no leaker is about: options, clock, control channel, ledger, cap.
 *
 * A leaker defines `leak`, which makes one unit and puts the only reference to it into a struct,
 * and `give_back`, which ends a unit. The harness forgets the struct: that is the leak. With
 * --control it gives each unit back in the same event; the profile sawtooth-with-drift does so
 * later. The contract that both harnesses keep, this one and the Python one, is in
 * leakers/README.md.
 */
#ifndef MEMLAB_HARNESS_H
#define MEMLAB_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define KIB 1024UL
#define MIB (1024UL * KIB)
#define GIB (1024UL * MIB)

/* The only reference to what one call of `leak` made; each leaker uses the fields it needs. */
struct unit {
    void *address;
    unsigned long id;
    int fd[3];
};

enum { NEVER_TOUCHED = -1, WHOLLY_TOUCHED = -2 }; /* where --touch is not an option */

struct leaker {
    const char *name, *pattern;
    const char *rate;      /* default, as a user would write it */
    size_t chunk;          /* default bytes of one unit; 0: a unit is a thing, and has no size */
    size_t cap;            /* default, in bytes or in units */
    const char *basis;     /* what the cap counts by default: "virtual", "resident", "count" */
    double touch;          /* default share of a chunk that is written, or one of the above */
    size_t chunk_below, chunk_from; /* bounds of a chunk; 0: any size */
    const char *elsewhere; /* where chunks beyond these bounds would go */
    bool lookalike;        /* leaks nothing; its cap bounds what it holds */
    bool (*start)(void);   /* makes what the leak needs, after the options; may be NULL */
    bool (*leak)(struct unit *unit);      /* one unit; false when the kernel refused, errno why */
    void (*give_back)(struct unit *unit); /* the end of a unit; NULL for a look-alike */
    void (*end)(void);     /* gives back what would outlive the process; may be NULL */
};

enum profile { LINEAR, STEP, ACCELERATING, BURSTY, SAWTOOTH };
static const char *const profiles[] = {"linear", "step", "accelerating", "bursty", "sawtooth-with-drift"};

/* What the command line asked for; `leak` reads it. */
static struct {
    double rate;           /* events a second */
    size_t chunk, cap, touched;
    long step, count;      /* units an event; events, < 0 for no end */
    char basis;            /* first letter of the cap's basis */
    bool control, paused;
    double touch, duration;
    enum profile profile;
    double period, jitter; /* seconds; share of the time between two events */
    uint64_t seed;
} options;

static struct leaker self;
static struct { size_t leaked, touched; long kept, units, events; double written; bool unsaid; char site[128]; } ledger;
static volatile sig_atomic_t signalled;
static bool holding;

/* Stands on the line that leaks: the ledger names it. */
#define LEAKS_HERE() (void)(ledger.site[0] || snprintf(ledger.site, sizeof ledger.site, \
    "%s %s:%d", __func__, strrchr("/" __FILE__, '/') + 1, __LINE__))
#define GROWS_HERE LEAKS_HERE /* the same for look-alikes, which do not leak */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void finish(int status)
{
    if (self.end)
        self.end();
    _exit(status);
}

/* One JSON line, in one write: lines of several writers of a pipe never mix. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, length) < 0)
        finish(0); /* nobody listens any more */
}

__attribute__((format(printf, 1, 2), noreturn)) static void refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", self.name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static void say_ledger(void)
{
    ledger.written = now();
    ledger.unsaid = false;
    say("{\"event\":\"ledger\",\"t\":%.6f,\"leaked_bytes\":%zu,\"touched_bytes\":%zu,\"leaked_units\":%ld,"
        "\"count\":%ld,\"site\":\"%s\"}", ledger.written, ledger.leaked, ledger.touched, ledger.kept,
        ledger.units, ledger.site);
}

static void hold(const char *reason, const char *message)
{
    if (!holding) {
        say_ledger();
        say("{\"event\":\"hold\",\"reason\":\"%s\",\"message\":\"%s\"}", reason, message);
    }
    holding = true;
}

/* Write the asked share of a block, a byte a page: that is what makes memory resident. */
__attribute__((unused)) static void touch(void *block, size_t bytes)
{
    volatile char *byte = block;
    for (size_t at = 0; at < bytes; at += 4096)
        byte[at] = 1;
}

/* Units of this tooth that will be given back: most of it is never touched. */
static struct unit tooth[8192];
static long teeth, taken, drifted;

static void account(int sign)
{
    ledger.leaked += sign * (long)options.chunk;
    ledger.touched += sign * (long)options.touched;
    ledger.kept += sign;
}

/* The fall of a tooth: a tenth of all that was taken drifts away, the newest is given back. */
static void fall(void)
{
    long keep = taken / 10 - drifted;
    while (teeth > keep) {
        self.give_back(&tooth[--teeth]);
        account(-1);
    }
    drifted += teeth;
    teeth = 0;
}

static bool beyond_cap(void)
{
    switch (options.basis) {
    case 'v': return ledger.leaked + options.chunk > options.cap;
    case 'r': return ledger.touched + options.touched > options.cap;
    default: return (size_t)(ledger.kept + 1) > options.cap; /* units are things of the kernel */
    }
}

/* One event: `--step` units, as far as the cap allows. */
static void event(void)
{
    ledger.unsaid = true;
    for (long unit = 0; unit < options.step && !holding; unit++) {
        bool kept = !options.control && !self.lookalike;
        if (kept && beyond_cap()) {
            hold("cap", "the cap is reached");
            return;
        }
        struct unit made = {0};
        errno = 0;
        if (!self.leak(&made)) {
            hold("refused", strerror(errno));
            return;
        }
        ledger.units++;
        if (options.control && self.give_back)
            self.give_back(&made);
        if (!kept)
            continue;
        account(+1);
        if (options.profile == SAWTOOTH) {
            taken++;
            tooth[teeth++] = made;
            if (teeth == sizeof tooth / sizeof *tooth)
                fall();
        }
    }
    ledger.events++;
    if (options.count >= 0 && ledger.events >= options.count)
        hold("count", "the asked number of events is done");
}

/* --- names under which the supervisor finds what outlives the process --------------------------- */

/* A key of this run's own range; by hand, a segment without a key. */
__attribute__((unused)) static int next_key(void)
{
    static unsigned used;
    const char *base = getenv("MEMLAB_KEYS");
    return base ? (int)(strtoul(base, NULL, 10) + used++ % 65536) : 0;
}

/* A name for shm_open(3) that no other run has. */
__attribute__((unused)) static const char *next_shm_name(void)
{
    static char name[128];
    static unsigned used;
    const char *prefix = getenv("MEMLAB_SHM");
    if (prefix)
        snprintf(name, sizeof name, "%s%u", prefix, used++);
    else
        snprintf(name, sizeof name, "/memlab-by-hand-%d.%u", getpid(), used++);
    return name;
}

#include "options.h"
#include "shape.h"

static void say_end(const char *reason);

/* --- the control channel: stdin, a command a line -------------------------------------------- */

static void obey(char *line)
{
    char *word = strtok(line, " \t\r"), *argument = strtok(NULL, " \t\r");
    double rate;
    if (!word)
        return;
    if (strcmp(word, "pause") == 0) {
        options.paused = true;
        say_ledger();
    } else if (strcmp(word, "resume") == 0) {
        options.paused = false;
    } else if (strcmp(word, "stop") == 0) {
        say_end("stop");
    } else if (strcmp(word, "step") == 0 && (!argument || atol(argument) > 0)) {
        for (long times = argument ? atol(argument) : 1; times > 0 && !holding; times--)
            event();
        say_ledger();
    } else if (strcmp(word, "rate") == 0 && argument && (rate = parse_rate(argument)) > 0) {
        options.rate = rate;
    } else {
        say("{\"event\":\"error\",\"message\":\"not understood; the commands are "
            "pause, resume, rate 2MiB/s, step 3, stop\"}");
    }
}

/* Read what there is and obey its whole lines; false at the end of the channel. */
static bool read_commands(void)
{
    static char buffer[1024];
    static size_t held;
    ssize_t got = read(STDIN_FILENO, buffer + held, sizeof buffer - 1 - held);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    held += got;
    buffer[held] = 0;
    char *line = buffer, *end;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        obey(line);
        line = end + 1;
    }
    held -= line - buffer;
    memmove(buffer, line, held);
    if (held == sizeof buffer - 1)
        held = 0; /* no command is that long */
    return true;
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void on_signal(int number)
{
    signalled = number;
}

static void die_with_supervisor(void)
{
    const char *parent = getenv("MEMLAB_PARENT");
    if (!getenv("MEMLAB_RUN") || !parent)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != atoi(parent))
        _exit(0); /* it died before the line above */
}

static void say_end(const char *reason)
{
    say_ledger();
    say("{\"event\":\"end\",\"reason\":\"%s\"}", reason);
    finish(0);
}

/* Wait for a command, a signal, or the moment `wake`. */
static void wait_until(double wake, double time)
{
    static struct pollfd channel = {STDIN_FILENO, POLLIN, 0};
    sigset_t none;
    sigemptyset(&none);
    double wait = wake > time ? wake - time : 0;
    struct timespec timeout = {wait, (wait - (time_t)wait) * 1e9};
    if (ppoll(&channel, 1, &timeout, &none) > 0 && !read_commands())
        channel.fd = -1; /* the end of the channel is no command */
}

static void loop(void)
{
    double until = options.duration ? now() + options.duration : HUGE_VAL;
    double next = 0, next_fall = HUGE_VAL, rate = 0; /* no rate yet: the shape is to be begun */
    while (!signalled) {
        double time = now(), wake = fmin(until, time + 1e6);
        bool leaking = !options.paused && !holding;
        if (time >= until)
            say_end("duration");
        if (options.paused || options.profile != SAWTOOTH)
            next_fall = HUGE_VAL;
        else if (next_fall == HUGE_VAL)
            next_fall = time + options.period;
        if (!leaking)
            rate = 0;
        else if (rate != options.rate || next < time - 1) {
            next = begin_shape(time);
            rate = options.rate;
        }
        if (ledger.unsaid) /* ten lines a second at most, and the last event of a burst in one of them */
            wake = fmin(wake, ledger.written + 0.1);
        wait_until(fmin(leaking ? next : wake, fmin(wake, next_fall)), time);
        if (now() >= next_fall && !options.paused) {
            next_fall += options.period;
            fall();
            say_ledger();
        }
        if (leaking && !options.paused && now() >= next) {
            next = due_at();
            event();
        }
        if (ledger.unsaid && now() - ledger.written >= 0.1)
            say_ledger();
    }
    say_end("signal");
}

static int leaker_main(int argc, char **argv, struct leaker leaker)
{
    self = leaker;
    die_with_supervisor();
    parse_options(argc, argv);
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, NULL); /* delivered in ppoll only: no signal is missed */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (self.start && !self.start()) {
        int why = errno;
        if (self.end)
            self.end();
        refuse("cannot begin: %s", strerror(why));
    }
    say("{\"event\":\"ready\",\"pid\":%d,\"name\":\"%s\",\"lang\":\"c\",\"pattern\":\"%s\",\"control\":%s,"
        "\"events_per_second\":%.9g,\"chunk_bytes\":%zu,\"touched_bytes_per_chunk\":%zu,\"step\":%ld,"
        "\"cap\":%zu,\"cap_basis\":\"%s\"}", getpid(), self.name, self.pattern,
        options.control ? "true" : "false", options.rate, options.chunk, options.touched, options.step,
        options.cap, options.basis == 'v' ? "virtual" : options.basis == 'r' ? "resident" : "count");
    loop();
    return 0;
}

#endif
