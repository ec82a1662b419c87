/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial replay GOLDEN.jsonl…`: runs recorded traces of cgroupfs on the model, with simulated
 * processes, and prints where it differs. Exit 0: no mismatch; 1: mismatches; 2: bad usage or a bad
 * file, as FILE:LINE: message.
 */
#pragma once

int replay_main(int argc, char **argv);
