"""What `sensei` prints, where its form matters to whoever reads it with a program."""

from appliance import output
from appliance.history import RunState
from appliance.run import Request, Run


def test_a_run_is_one_line_with_its_whole_urls_and_columns_stay_aligned(tmp_path, capsys):
    source = "postgresql://clinic_reader@db.example.org:5432/clinic?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem"
    long = "mariadb://writer@10.0.0.7:3306/" + "clinic_of_the_district_" * 5
    targets = (long, "duckdb:////srv/受付.duckdb", "sqlite:///a.db")
    runs = [
        RunState(Run(f"2026-{place}", tmp_path, Request(source=source, target=target), ""), "done", (), (), None)
        for place, target in enumerate(targets)
    ]
    output.print_runs(runs, as_json=False)
    head, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    expected = [[f"2026-{place}", "done", source, target] for place, target in enumerate(targets)]
    assert [line.split() for line in lines] == expected
    assert {line.index("postgresql://") for line in lines} == {head.index("Source")}


def test_without_a_run_it_says_so(capsys):
    output.print_runs([], as_json=False)
    assert capsys.readouterr().out == "no run yet\n"
