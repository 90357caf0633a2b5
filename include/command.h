/*
 * command: the subcommands of salespulse. Each gets its own name as argv[0] and the arguments after
 * it, answers `--help` itself, and returns the exit status: 0 done, 1 failed (or differences were
 * found), 2 wrong usage, settings or definitions.
 */
#ifndef COMMAND_H
#define COMMAND_H

int cmd_run(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_catalogue(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_explain(int argc, char **argv);

#endif
