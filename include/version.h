#ifndef VERSION_H
#define VERSION_H

#define SALESPULSE_VERSION "0.1.0"

#endif
