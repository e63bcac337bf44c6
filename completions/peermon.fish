# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_peermon_global_optspecs
    string join \n v/version h/help
end

function __fish_peermon_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_peermon_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_peermon_using_subcommand
    set -l cmd (__fish_peermon_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c peermon -n "__fish_peermon_needs_command" -s v -l version -d 'Print the version'
complete -c peermon -n "__fish_peermon_needs_command" -s h -l help -d 'Print help'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "daemon" -d 'Tell the other hosts how busy this one is, and keep the table of all'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "query" -d 'Print the table: who is there, and who has room'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "ssh" -d 'Log in to the best host'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "ssh-config" -d 'Let `ssh lab`, scp, rsync and git go to the best host by themselves'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "mpigen" -d 'Write an MPI host file of the best hosts'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "dns-update" -d 'Point a DNS name to the best hosts'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "net" -d 'A private network over a list of hosts, through ssh and without root'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "keygen" -d 'Make a key that closes a network'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "doctor" -d 'Say what is wrong here, and what mends it'
complete -c peermon -n "__fish_peermon_needs_command" -f -a "demo" -d 'Try everything: real daemons with invented loads on this machine'
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s p -l port -d 'UDP port to listen on; unsolicited datagrams leave from PORT+1 [default: 1288]' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s f -l machines -d 'A few peers to start from, one a line [default: /etc/peermon/machines.txt]' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s i -l valid-ips -d 'Accepted address prefixes, one a line [default: /etc/peermon/valid_ips.txt]' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s l -l client-port -d 'Client interface: names the network on this host [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l legacy-clients -d 'Serve the clients of PeerMon 1.1 at this port of 127.0.0.1, as it did' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s n -l interval -d 'Seconds between two reports of this host, 0.2 to 300; 0 or less means the default [default: 20]' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l advertise -d 'The address at which others reach this host' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l interface -d 'The interface whose address others are told' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l name -d 'This host\'s name [default: the host name]' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l label -d 'Something to say of this host; may be given several times' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l key-file -d 'The network\'s key [default: /etc/peermon/gossip.key, where it exists]' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l network -d 'The network\'s name; networks of different names never mix [default: default]' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l max-datagram -d 'Largest UDP payload, 508 to 1400 [default: 1200]' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l proc-root -d 'Where this host\'s figures are read' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l log -d 'How much to log: error, warn, info, debug [default: info]' -r
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s c -l collector -d 'Use the data, offer no resources: never a target of any tool'
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l no-tcp -d 'Serve clients through the Unix socket only'
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s u -l user -d 'Run as whoever starts it: a private network, with the files of your own config folder'
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l detach -d 'Start in the background; return when the daemon answers'
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -l check -d 'Read all settings and files as a daemon would, say what is wrong with them, and start none'
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s v -l version -d 'Print the version'
complete -c peermon -n "__fish_peermon_using_subcommand daemon" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand query" -s n -l num -l n -d 'How many hosts [default: all that are offered]' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l output -d 'What to print [default: table on a terminal, names in a pipe]' -r -f -a "table\t'For people'
names\t'One name a line, best first'
json\t'One object; the names of its fields are stable'
csv\t'A header and a line for each host'"
complete -c peermon -n "__fish_peermon_using_subcommand query" -l fields -d 'Which columns, with commas between; `help` lists them' -r -f -a "name\t''
address\t''
addresses\t''
port\t''
state\t''
age_seconds\t''
load1\t''
pending\t''
cores\t''
load_per_core\t''
memory_available_bytes\t''
memory_total_bytes\t''
uptime_seconds\t''
collector\t''
labels\t''
version\t''
help\t''"
complete -c peermon -n "__fish_peermon_using_subcommand query" -l watch -d 'Again and again, each SECS seconds (with --json: one object a line)' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c peermon -n "__fish_peermon_using_subcommand query" -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l seed -d 'Make the random part of the choice repeatable' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c peermon -n "__fish_peermon_using_subcommand query" -l all -d 'Also suspect, left and dead hosts, and collectors'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l json -d 'Short for --output json'
complete -c peermon -n "__fish_peermon_using_subcommand query" -s I -l ip -l IP -d 'Addresses instead of names'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l fold -d 'Names folded, as ClusterShell and Slurm read them: node[1-3,7]'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l count -d 'Only how many hosts there are'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l self -d 'Only this host'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l status -d 'The daemon itself: is it well, who is refused, and why'
complete -c peermon -n "__fish_peermon_using_subcommand query" -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c peermon -n "__fish_peermon_using_subcommand query" -s m -l mem -d 'Order by available memory'
complete -c peermon -n "__fish_peermon_using_subcommand query" -s r -l random -d 'Any order'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l exclude-self -d 'Leave this host out'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c peermon -n "__fish_peermon_using_subcommand query" -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c peermon -n "__fish_peermon_using_subcommand query" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s n -l num -l n -d 'How many hosts are tried in turn [default: 5]; with -i: listed [default: 1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l seed -d 'Make the random part of the choice repeatable' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s l -d 'Log in as this user' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s o -d 'An option as in ssh_config(5)' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s L -d 'Forward a local port' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s R -d 'Forward a remote port' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s D -d 'Be a SOCKS proxy' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s J -d 'Jump through other hosts' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s F -d 'Another ssh_config' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s E -d 'Log to a file' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l ssh-arg -d 'Anything else for ssh, one argument each' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s i -l info -d 'List the best hosts instead of logging in'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s v -l verbose -d 'Show the hosts that come into question, and what becomes of them'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s I -l ip -l IP -d 'Addresses instead of names'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l print -d 'Print the command instead of running it'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l no-probe -d 'Take the best host without trying whether its ssh port is open'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l no-pending -d 'Don\'t tell the daemon that somebody goes there'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s m -l mem -d 'Order by available memory'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s r -l random -d 'Any order'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l exclude-self -d 'Leave this host out'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s A -d 'Forward the agent'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s X -d 'Forward X11'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s Y -d 'Forward trusted X11'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s t -d 'Ask for a terminal; twice: insist'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s T -d 'Ask for no terminal'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s N -d 'Run no command'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s f -d 'Go to the background'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s C -d 'Compress'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s 4 -d 'IPv4 only'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s 6 -d 'IPv6 only'
complete -c peermon -n "__fish_peermon_using_subcommand ssh" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and not __fish_seen_subcommand_from install remove pick" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and not __fish_seen_subcommand_from install remove pick" -f -a "install" -d 'Make the name, in ~/.ssh'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and not __fish_seen_subcommand_from install remove pick" -f -a "remove" -d 'Take it away again'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and not __fish_seen_subcommand_from install remove pick" -f -a "pick" -d 'Say where the ssh that runs this goes'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l name -d 'What is typed as the host, as in `ssh lab`' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -s n -l num -l n -d 'How many hosts are tried in turn [default: 5]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l seed -d 'Make the random part of the choice repeatable' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l no-probe -d 'Take the best host without trying whether its ssh port is open'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l no-pending -d 'Don\'t tell the daemon that somebody goes there'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -s m -l mem -d 'Order by available memory'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -s r -l random -d 'Any order'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l exclude-self -d 'Leave this host out'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from remove" -l name -d 'Only this name [default: all that were made]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l folder -d 'The user\'s ssh folder, as it was when this was installed' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l name -d 'What is typed as the host, as in `ssh lab`' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -s n -l num -l n -d 'How many hosts are tried in turn [default: 5]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l seed -d 'Make the random part of the choice repeatable' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l no-probe -d 'Take the best host without trying whether its ssh port is open'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l no-pending -d 'Don\'t tell the daemon that somebody goes there'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -s m -l mem -d 'Order by available memory'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -s r -l random -d 'Any order'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l exclude-self -d 'Leave this host out'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c peermon -n "__fish_peermon_using_subcommand ssh-config; and __fish_seen_subcommand_from pick" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s n -l num -l n -d 'How many hosts [default: 1]; with -x: how many CPUs' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s s -l slots -d 'So many slots with each host' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l format -d 'Whose host file [default: openmpi]' -r -f -a "openmpi\t''
mpich\t''
intel\t''
slurm\t''
pbs\t''
hosts\t''"
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l seed -d 'Make the random part of the choice repeatable' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s i -l info -d 'Print what the file would hold, and write none'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s v -l verbose -d 'Show the chosen hosts as a table'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s I -l ip -l IP -d 'Addresses instead of names'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s q -l quantify -d 'As many slots with each host as it has CPUs'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s x -l cpus -d '-n counts CPUs; the last host may have more than are missing'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l exact -d 'With -x: the last host gets only the slots that are missing'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l no-pending -d 'Don\'t tell the daemon that a job starts there'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s m -l mem -d 'Order by available memory'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s r -l random -d 'Any order'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l exclude-self -d 'Leave this host out'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c peermon -n "__fish_peermon_using_subcommand mpigen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l zone -d 'The zone that the name is in' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l name -d 'The name: a label, or a full name in the zone [default: peermon]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -s n -l num -l n -d 'How many hosts [default: 5]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l ttl -d 'For how many seconds others may remember the addresses [default: 30]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l server -d 'The zone\'s primary server, with or without :PORT [default: 127.0.0.1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l key-file -d 'The key that signs the update: BIND\'s `key` block, or ALGORITHM:NAME:SECRET' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l local-key -d 'Sign with the key that a BIND with `update-policy local` left on this host [default file: /run/named/session.key]' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l family -d 'Which addresses [default: both]' -r -f -a "4\t'IPv4 addresses (A)'
6\t'IPv6 addresses (AAAA)'
both\t'What each host has'"
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l only-network -d 'Only addresses in these networks, with commas between, like 130.58.68 or 10.0.0.0/8' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l hysteresis -d 'A published host stays while it costs no more than so many percent above a better one [default: 15]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l timeout -d 'How long the server may take for all of it, 0.1 to 60 [default: 5]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l seed -d 'Make the random part of the choice repeatable' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l dry-run -d 'Change nothing; print what nsupdate makes the same change from'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -s m -l mem -d 'Order by available memory'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -s r -l random -d 'Any order'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l exclude-self -d 'Leave this host out'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c peermon -n "__fish_peermon_using_subcommand dns-update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand net; and not __fish_seen_subcommand_from up status down add logs" -s h -l help -d 'Print help'
complete -c peermon -n "__fish_peermon_using_subcommand net; and not __fish_seen_subcommand_from up status down add logs" -f -a "up" -d 'Bring the network up on these hosts, or again on all that are in it'
complete -c peermon -n "__fish_peermon_using_subcommand net; and not __fish_seen_subcommand_from up status down add logs" -f -a "status" -d 'Who is up, which version, since when, and what it says'
complete -c peermon -n "__fish_peermon_using_subcommand net; and not __fish_seen_subcommand_from up status down add logs" -f -a "down" -d 'End the daemons of the network'
complete -c peermon -n "__fish_peermon_using_subcommand net; and not __fish_seen_subcommand_from up status down add logs" -f -a "add" -d 'Bring the network up on one more host'
complete -c peermon -n "__fish_peermon_using_subcommand net; and not __fish_seen_subcommand_from up status down add logs" -f -a "logs" -d 'What a host\'s daemon has logged'
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from up" -s f -l file -d 'More of them, one a line' -r -F
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from up" -s p -l port -d 'UDP port of the gossip, and the one above it [default: made of your user number]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from up" -s l -l client-port -d 'Client port: names the network on each host [default: made of your user number]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from up" -s u -l user -d 'Log in as this user, where a host is given without one' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from up" -l ssh-arg -d 'For ssh as it is; may be given several times [default: as the last time]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from up" -s j -l jobs -d 'How many hosts at a time [default: 16]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from status" -s u -l user -d 'Log in as this user, where a host is given without one' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from status" -l ssh-arg -d 'For ssh as it is; may be given several times [default: as the last time]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from status" -s j -l jobs -d 'How many hosts at a time [default: 16]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from down" -s u -l user -d 'Log in as this user, where a host is given without one' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from down" -l ssh-arg -d 'For ssh as it is; may be given several times [default: as the last time]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from down" -s j -l jobs -d 'How many hosts at a time [default: 16]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from down" -l purge -d 'Take the program, the key and the machines file away too'
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help'
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from add" -s u -l user -d 'Log in as this user, where a host is given without one' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from add" -l ssh-arg -d 'For ssh as it is; may be given several times [default: as the last time]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from add" -s j -l jobs -d 'How many hosts at a time [default: 16]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from logs" -s n -l num -d 'How many lines, the last ones' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from logs" -s u -l user -d 'Log in as this user, where a host is given without one' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from logs" -l ssh-arg -d 'For ssh as it is; may be given several times [default: as the last time]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from logs" -s j -l jobs -d 'How many hosts at a time [default: 16]' -r
complete -c peermon -n "__fish_peermon_using_subcommand net; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c peermon -n "__fish_peermon_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand doctor" -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c peermon -n "__fish_peermon_using_subcommand doctor" -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c peermon -n "__fish_peermon_using_subcommand doctor" -l json -d 'One object with all checks; the names in it are stable'
complete -c peermon -n "__fish_peermon_using_subcommand doctor" -s u -l user -d 'Where no daemon answers: look at the files of a private network of your own'
complete -c peermon -n "__fish_peermon_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c peermon -n "__fish_peermon_using_subcommand demo" -s h -l help -d 'Print help'
