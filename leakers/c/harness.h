/* What every leaker needs and no leaker is about: options, clock, control channel, ledger, cap.
 *
 * A leaker defines one function, `leak`, that does one unit of its leak, and a `main` that hands
 * it to `leaker_main`. The contract that both harnesses keep, this one and the Python one, is in
 * leakers/README.md.
 */
#ifndef MEMLAB_HARNESS_H
#define MEMLAB_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
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

struct leaker {
    const char *name, *pattern;
    const char *rate;      /* default, as a user would write it */
    size_t chunk;          /* default bytes of one unit */
    size_t cap;            /* default */
    const char *basis;     /* default basis of the cap: "virtual" or "resident" */
    double touch;          /* default share of a chunk that is written; < 0: not an option */
    size_t chunk_below;    /* chunks must be smaller than this; 0: any size */
    bool (*leak)(void);    /* one unit; false when the kernel refused (errno says why) */
    void (*end)(void);     /* gives back what would outlive the process; may be NULL */
};

/* What the command line asked for; `leak` reads it. */
static struct {
    double rate;           /* events a second */
    size_t chunk, cap, touched;
    long step, count;      /* units an event; events, < 0 for no end */
    bool virtual_cap, control, paused;
    double touch, duration;
} options;

static struct leaker self;
static struct { size_t leaked, touched; long units, events; double written; char site[128]; } ledger;
static volatile sig_atomic_t signalled;
static bool holding;

/* Stands on the line that leaks: the ledger names it. */
#define LEAKS_HERE() (void)(ledger.site[0] || snprintf(ledger.site, sizeof ledger.site, \
    "%s %s:%d", __func__, strrchr("/" __FILE__, '/') + 1, __LINE__))

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
    say("{\"event\":\"ledger\",\"t\":%.6f,\"leaked_bytes\":%zu,\"touched_bytes\":%zu,\"count\":%ld,"
        "\"site\":\"%s\"}", ledger.written, ledger.leaked, ledger.touched, ledger.units, ledger.site);
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

/* One event: `--step` units, as far as the cap allows. */
static void event(void)
{
    for (long unit = 0; unit < options.step && !holding; unit++) {
        size_t used = options.virtual_cap ? ledger.leaked : ledger.touched;
        size_t more = options.virtual_cap ? options.chunk : options.touched;
        if (!options.control && used + more > options.cap) {
            hold("cap", "the cap is reached");
            return;
        }
        if (!self.leak()) {
            hold("refused", strerror(errno));
            return;
        }
        ledger.units++;
        if (!options.control) {
            ledger.leaked += options.chunk;
            ledger.touched += options.touched;
        }
    }
    ledger.events++;
    if (options.count >= 0 && ledger.events >= options.count)
        hold("count", "the asked number of events is done");
}

/* --- the command line ----------------------------------------------------------------------- */

/* "64KiB" -> 65536; false for what is no size. */
static bool parse_size(const char *text, double *bytes, char **rest)
{
    *bytes = strtod(text, rest);
    if (*rest == text || *bytes < 0 || text[0] == '-')
        return false;
    const char *units = "kmgt", *unit = **rest ? strchr(units, **rest | 0x20) : NULL;
    if (unit) {
        for (const char *scale = units; scale <= unit; scale++)
            *bytes *= 1024;
        ++*rest;
    }
    if (strncasecmp(*rest, "ib", 2) == 0)
        *rest += 2;
    else if (strncasecmp(*rest, "b", 1) == 0)
        *rest += 1;
    return true;
}

static size_t size_option(const char *name, const char *text)
{
    double bytes;
    char *rest;
    if (!parse_size(text, &bytes, &rest) || *rest || bytes < 1 || bytes > 1e18)
        refuse("--%s %s is no size: write it like 64KiB or 2MiB", name, text);
    return bytes;
}

static double number_option(const char *name, const char *text, double least, double most)
{
    char *rest;
    double value = strtod(text, &rest);
    if (rest == text || *rest || !(value >= least && value <= most))
        refuse("--%s %s: must be a number from %g to %g", name, text, least, most);
    return value;
}

/* "2MiB/s" in bytes, "4/s" or "1/min" in events; events a second, or 0 for what is no rate. */
static double parse_rate(const char *text)
{
    char *end, *rest;
    double plain = strtod(text, &end), bytes, seconds = 1;
    if (!parse_size(text, &bytes, &rest))
        return 0;
    bool in_events = rest == end;
    if (strcmp(rest, "/min") == 0 || strcmp(rest, "/m") == 0)
        seconds = 60;
    else if (strcmp(rest, "/h") == 0)
        seconds = 3600;
    else if (*rest && strcmp(rest, "/s") != 0)
        return 0;
    double rate = in_events ? plain / seconds : bytes / seconds / (options.chunk * options.step);
    return rate <= 1e6 ? rate : 0;
}

static void parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"rate", 1, 0, 'r'}, {"chunk", 1, 0, 'c'}, {"stack-size", 1, 0, 'c'}, {"step", 1, 0, 's'},
        {"count", 1, 0, 'n'}, {"cap", 1, 0, 'C'}, {"cap-basis", 1, 0, 'b'}, {"touch", 1, 0, 't'},
        {"duration", 1, 0, 'd'}, {"paused", 0, 0, 'p'}, {"control", 0, 0, 'x'}, {0, 0, 0, 0}};
    const char *rate = self.rate, *basis = self.basis;
    options.chunk = self.chunk;
    options.cap = self.cap;
    options.step = 1;
    options.count = -1;
    options.touch = self.touch;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'r': rate = optarg; break;
        case 'c': options.chunk = size_option("chunk", optarg); break;
        case 's': options.step = number_option("step", optarg, 1, 1e6); break;
        case 'n': options.count = number_option("count", optarg, 1, 1e9); break;
        case 'C': options.cap = size_option("cap", optarg); break;
        case 'b': basis = optarg; break;
        case 't': options.touch = number_option("touch", optarg, 0, 1); break;
        case 'd': options.duration = number_option("duration", optarg, 0.001, 1e9); break;
        case 'p': options.paused = true; break;
        case 'x': options.control = true; break;
        default: refuse("unknown or incomplete option %s; leakers/README.md lists them", argv[optind - 1]);
        }
    }
    if (optind < argc)
        refuse("unexpected %s: options begin with --", argv[optind]);
    if (strcmp(basis, "virtual") != 0 && strcmp(basis, "resident") != 0)
        refuse("--cap-basis %s: must be virtual or resident", basis);
    if (self.chunk_below && options.chunk >= self.chunk_below)
        refuse("--chunk must be below %zu KiB: larger blocks become mappings of their own, "
               "which is the leaker `anonymous`", self.chunk_below / KIB);
    if (self.touch < 0 && options.touch >= 0)
        refuse("--touch is not for this leaker: a stack is touched by its thread alone");
    options.virtual_cap = strcmp(basis, "virtual") == 0;
    options.touched = self.touch < 0 ? 0 : options.chunk * options.touch;
    if (!options.virtual_cap && options.touched == 0)
        refuse("nothing is touched, so a resident cap would never hold: use --cap-basis virtual");
    options.rate = parse_rate(rate);
    if (options.rate <= 0)
        refuse("--rate %s is no rate: write it like 2MiB/s, 4/s or 1/min", rate);
}

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
        say_ledger();
        say("{\"event\":\"end\",\"reason\":\"stop\"}");
        finish(0);
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

static void loop(void)
{
    sigset_t none;
    sigemptyset(&none);
    struct pollfd channel = {STDIN_FILENO, POLLIN, 0};
    double start = now(), next = start + 1 / options.rate, rate = options.rate;
    while (!signalled) {
        double until = start + (options.duration ? options.duration : 1e9), time = now();
        bool leaking = !options.paused && !holding;
        if (options.duration && time >= until) {
            say_ledger();
            say("{\"event\":\"end\",\"reason\":\"duration\"}");
            finish(0);
        }
        if (rate != options.rate || !leaking || next < time - 1) {
            next = time + 1 / options.rate; /* a new pace, or a pause: nothing to catch up with */
            rate = options.rate;
        }
        double wake = leaking && next < until ? next : until, wait = wake > time ? wake - time : 0;
        struct timespec timeout = {wait, (wait - (time_t)wait) * 1e9};
        if (ppoll(&channel, 1, &timeout, &none) > 0 && !read_commands())
            channel.fd = -1; /* the end of the channel is no command */
        if (leaking && !options.paused && now() >= next) {
            next += 1 / options.rate;
            event();
            if (!holding && now() - ledger.written >= 0.1)
                say_ledger();
        }
    }
    say_ledger();
    say("{\"event\":\"end\",\"reason\":\"signal\"}");
    finish(0);
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
    say("{\"event\":\"ready\",\"pid\":%d,\"name\":\"%s\",\"lang\":\"c\",\"pattern\":\"%s\",\"control\":%s,"
        "\"events_per_second\":%.9g,\"chunk_bytes\":%zu,\"touched_bytes_per_chunk\":%zu,\"step\":%ld,"
        "\"cap_bytes\":%zu,\"cap_basis\":\"%s\"}", getpid(), self.name, self.pattern,
        options.control ? "true" : "false", options.rate, options.chunk, options.touched, options.step,
        options.cap, options.virtual_cap ? "virtual" : "resident");
    loop();
    return 0;
}

#endif
