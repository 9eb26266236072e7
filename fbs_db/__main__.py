from fbs_db.cli import main

main()
