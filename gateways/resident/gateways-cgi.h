/* What the two parts of gateways-cgi have in common. */

#ifndef GATEWAYS_CGI_H
#define GATEWAYS_CGI_H

#include <stddef.h>

/* The script, as the first argument names it. */
extern const char *script;

/* Writes a line for the error log; what is not printable ASCII in it is escaped. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes all of it; -1 when the reader has gone. It waits as long as it takes, as any script's write does. */
int write_all(int fd, const char *data, size_t size);

/* Writes an error page of our own. */
void answer(const char *status, const char *text);

/* Serves the request over a connection, which it closes; returns the exit status, or -1 where another process should. */
int serve(int sock);

#endif
