/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial replay` as a program of its own, for the tests. */
#include "fakes/replay/replay.h"

int main(int argc, char **argv)
{
    return replay_main(argc, argv);
}
