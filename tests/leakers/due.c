/* Prints when the first COUNT events are due, in seconds after the origin: due COUNT --profile … */
#include "harness.h"

int main(int argc, char **argv)
{
    self = (struct leaker){.name = "due", .rate = "1/s", .chunk = 1, .cap = 1, .basis = "resident", .touch = 1};
    parse_options(argc - 1, argv + 1);
    double due = begin_shape(0);
    for (long left = atol(argv[1]); left > 0; left--, due = due_at())
        printf("%.17g\n", due);
    return 0;
}
