/* The shape of a leak in time: when the next event is due. memlab/model/shapes.py draws the same curves. */
#ifndef MEMLAB_SHAPE_H
#define MEMLAB_SHAPE_H

static const uint64_t spread = 2685821657736338717ULL;
static struct { double origin, due, burst_at, burst_gap; long event, burst, period; } shape;
static struct { uint64_t bursts, jitter; } chances; /* apart, so that jitter moves no burst */

/* The same number for the same state, evenly from 0 to 1 (xorshift64*, Vigna 2016). */
static double chance(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * spread >> 11) * 0x1p-53;
}

/* Seconds after the origin at which the next event comes; to be asked once for each event. */
static double planned(void)
{
    double rate = options.rate, period = options.period;
    long k = ++shape.event, each = fmax(1, round(rate * period));
    switch (options.profile) {
    case STEP: return period * ((k - 1) / each + 1);
    case ACCELERATING: return sqrt(2 * period * k / rate);
    case BURSTY:
        if (shape.burst == 0) { /* three periods of four are silent, the fourth does it all */
            while (chance(&chances.bursts) > 0.25)
                shape.period++;
            shape.burst = 4 * each;
            shape.burst_gap = period / 10 / shape.burst;
            shape.burst_at = (shape.period++ + chance(&chances.bursts) * 0.9) * period;
        }
        shape.burst--;
        return shape.burst_at += shape.burst_gap;
    default: return k / rate;
    }
}

/* The moment of the next event; `--jitter` moves it, and not those that follow, but never before the last. */
static double due_at(void)
{
    double moved = options.jitter ? (chance(&chances.jitter) - 0.5) * options.jitter / options.rate : 0;
    return shape.due = fmax(shape.due, shape.origin + planned() + moved);
}

/* After the start, a new pace or a pause: there is nothing to catch up with. */
static double begin_shape(double time)
{
    memset(&shape, 0, sizeof shape);
    if (!chances.bursts) {
        chances.bursts = options.seed;
        chances.jitter = options.seed * spread;
    }
    shape.origin = shape.due = time;
    return due_at();
}

#endif
