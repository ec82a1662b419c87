/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommand `lab`: scenarios on other kernels. What boots them is the script lab beside the
 * programs or in libexec; what became of them is put together here.
 */
#pragma once

/* Prints, by the format "pretty", "json", "junit" or "html", what the cells hold: directories
 * with name, kernel, cgroups, state, boot, features, splats and scenarios (JSON Lines). known is
 * the path of the differences that are known. Returns the exit status. */
int lab_report(const char *format, const char *known, char *const *cells, int count);

/* Prints the ratios of a result of `seatrial bench`, and nothing else. Returns the exit status. */
int lab_ratios(const char *path);
