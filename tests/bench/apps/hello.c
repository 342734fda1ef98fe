/* Hello world over FastCGI with libfcgi: what C alone costs. hello SOCKET */
#include <fcgiapp.h>
#include <sys/stat.h>

int main(int argc, char **argv) {
    FCGX_Request request;
    if (argc != 2 || FCGX_Init())
        return 2;
    umask(0);
    int listener = FCGX_OpenSocket(argv[1], 1024);
    if (listener < 0 || FCGX_InitRequest(&request, listener, 0))
        return 1;
    while (FCGX_Accept_r(&request) == 0)
        FCGX_FPrintF(request.out, "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n");
    return 0;
}
