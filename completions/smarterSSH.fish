complete -c smarterSSH -s n -l num -l n -d 'How many hosts are tried in turn [default: 5]; with -i: listed [default: 1]' -r
complete -c smarterSSH -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c smarterSSH -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c smarterSSH -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c smarterSSH -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c smarterSSH -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c smarterSSH -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c smarterSSH -l seed -d 'Make the random part of the choice repeatable' -r
complete -c smarterSSH -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c smarterSSH -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c smarterSSH -s l -d 'Log in as this user' -r
complete -c smarterSSH -s o -d 'An option as in ssh_config(5)' -r
complete -c smarterSSH -s L -d 'Forward a local port' -r
complete -c smarterSSH -s R -d 'Forward a remote port' -r
complete -c smarterSSH -s D -d 'Be a SOCKS proxy' -r
complete -c smarterSSH -s J -d 'Jump through other hosts' -r
complete -c smarterSSH -s F -d 'Another ssh_config' -r
complete -c smarterSSH -s E -d 'Log to a file' -r
complete -c smarterSSH -l ssh-arg -d 'Anything else for ssh, one argument each' -r
complete -c smarterSSH -s i -l info -d 'List the best hosts instead of logging in'
complete -c smarterSSH -s v -l verbose -d 'Show the hosts that come into question, and what becomes of them'
complete -c smarterSSH -s I -l ip -l IP -d 'Addresses instead of names'
complete -c smarterSSH -l print -d 'Print the command instead of running it'
complete -c smarterSSH -l no-probe -d 'Take the best host without trying whether its ssh port is open'
complete -c smarterSSH -l no-pending -d 'Don\'t tell the daemon that somebody goes there'
complete -c smarterSSH -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c smarterSSH -s m -l mem -d 'Order by available memory'
complete -c smarterSSH -s r -l random -d 'Any order'
complete -c smarterSSH -l exclude-self -d 'Leave this host out'
complete -c smarterSSH -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c smarterSSH -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c smarterSSH -s A -d 'Forward the agent'
complete -c smarterSSH -s X -d 'Forward X11'
complete -c smarterSSH -s Y -d 'Forward trusted X11'
complete -c smarterSSH -s t -d 'Ask for a terminal; twice: insist'
complete -c smarterSSH -s T -d 'Ask for no terminal'
complete -c smarterSSH -s N -d 'Run no command'
complete -c smarterSSH -s f -d 'Go to the background'
complete -c smarterSSH -s C -d 'Compress'
complete -c smarterSSH -s 4 -d 'IPv4 only'
complete -c smarterSSH -s 6 -d 'IPv6 only'
complete -c smarterSSH -s h -l help -d 'Print help (see more with \'--help\')'
