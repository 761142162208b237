/* The command line of a leaker: leakers/README.md says what each option means. */
#ifndef MEMLAB_OPTIONS_H
#define MEMLAB_OPTIONS_H

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
    return rate <= 1e6 ? rate : 0; /* bytes of units without a size: infinite, no rate */
}

static enum profile profile_option(const char *text)
{
    for (int profile = 0; profile <= SAWTOOTH; profile++)
        if (strcmp(text, profiles[profile]) == 0)
            return profile;
    refuse("--profile %s: must be linear, step, accelerating, bursty or sawtooth-with-drift", text);
}

static void check_chunk(void)
{
    if (self.chunk_below && options.chunk >= self.chunk_below)
        refuse("--chunk must be below %zu KiB: %s", self.chunk_below / KIB, self.elsewhere);
    if (options.chunk < self.chunk_from)
        refuse("--chunk must be %zu KiB or more: %s", self.chunk_from / KIB, self.elsewhere);
}

static void check_basis(const char *basis)
{
    bool counted = strcmp(self.basis, "count") == 0;
    if (counted != (strcmp(basis, "count") == 0)
        || (!counted && strcmp(basis, "virtual") != 0 && strcmp(basis, "resident") != 0))
        refuse("--cap-basis %s: must be %s", basis, counted ? "count" : "virtual or resident");
    options.basis = basis[0];
    if (options.basis == 'r' && options.touched == 0)
        refuse("nothing is touched, so a resident cap would never hold: use --cap-basis virtual");
}

static void parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"rate", 1, 0, 'r'}, {"chunk", 1, 0, 'c'}, {"stack-size", 1, 0, 'c'}, {"step", 1, 0, 's'},
        {"count", 1, 0, 'n'}, {"cap", 1, 0, 'C'}, {"cap-basis", 1, 0, 'b'}, {"touch", 1, 0, 't'},
        {"duration", 1, 0, 'd'}, {"paused", 0, 0, 'p'}, {"control", 0, 0, 'x'}, {"profile", 1, 0, 'P'},
        {"period", 1, 0, 'T'}, {"jitter", 1, 0, 'j'}, {"seed", 1, 0, 'S'}, {0, 0, 0, 0}};
    const char *rate = self.rate, *basis = self.basis;
    options.chunk = self.chunk;
    options.cap = self.cap;
    options.step = 1;
    options.count = -1;
    options.touch = self.touch;
    options.period = 10;
    options.seed = 1;
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
        case 'P': options.profile = profile_option(optarg); break;
        case 'T': options.period = number_option("period", optarg, 0.01, 1e6); break;
        case 'j': options.jitter = number_option("jitter", optarg, 0, 1); break;
        case 'S': options.seed = number_option("seed", optarg, 1, 1e15); break;
        case 'p': options.paused = true; break;
        case 'x': options.control = true; break;
        default: refuse("unknown or incomplete option %s; leakers/README.md lists them", argv[optind - 1]);
        }
    }
    if (optind < argc)
        refuse("unexpected %s: options begin with --", argv[optind]);
    if (self.chunk == 0 && options.chunk)
        refuse("--chunk is not for this leaker: what it leaks are things, not bytes");
    check_chunk();
    if (self.touch < 0 && options.touch >= 0)
        refuse("--touch is not for this leaker: its units are touched by themselves, or never");
    options.touched = options.touch == WHOLLY_TOUCHED ? options.chunk
        : self.touch < 0 ? 0 : options.chunk * options.touch;
    check_basis(basis);
    if (self.lookalike && options.control)
        refuse("--control is not for this program: it leaks nothing, and is a control itself");
    if (self.lookalike && options.profile == SAWTOOTH)
        refuse("--profile sawtooth-with-drift is not for this program: it leaks nothing that could drift");
    options.rate = parse_rate(rate);
    if (options.rate <= 0)
        refuse("--rate %s is no rate: write it like 2MiB/s, 4/s or 1/min", rate);
}

#endif
